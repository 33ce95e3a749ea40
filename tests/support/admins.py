"""Who changes something in tests, and what the audit log says of it."""

from __future__ import annotations

from typing import Any

from assistant.storage.audit import Actor

from tests.support.house import House

ROOT = Actor("admin", 1, "root", "127.0.0.1")


async def noted(home: House) -> list[tuple[Any, ...]]:
    """Who did what to what, in order."""
    return await home.rows("SELECT actor_name, action, target FROM audit_log ORDER BY id")
