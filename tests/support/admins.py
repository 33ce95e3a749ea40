"""Who changes something in tests, and what the audit log says of it."""

from __future__ import annotations

from typing import Any

from assistant.storage.audit import Actor
from tests.support.house import House

ROOT = Actor("admin", 1, "root", "127.0.0.1")


async def noted(home: House) -> list[tuple[Any, ...]]:
    """Who did what to what, in order."""
    return await home.rows("SELECT actor_name, action, target FROM audit_log ORDER BY id")


def stand(home: House, *chats: str) -> bool:
    """Whether in each of these chats an answer stands, with its end."""
    shown = [home.screen.chats[chat] for chat in chats]
    return all(one and one[-1].final for one in shown)
