"""The audit log: who changed what, from what into what. Written with the change, or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from assistant.storage.database import Connection, Database, rows

NOTE = """
INSERT INTO audit_log (actor_kind, actor_id, actor_name, address, action, target, before, after)
VALUES (%(kind)s, %(id)s, %(name)s, %(address)s, %(action)s, %(target)s,
    %(before)s::jsonb, %(after)s::jsonb)
"""
# By its key, newest first: an entry is never changed, so a page goes on from an id.
LISTED = """
SELECT id, at, actor_kind, actor_id, actor_name, address, action, target, before, after
FROM audit_log WHERE id < %(before)s ORDER BY id DESC LIMIT %(limit)s
"""
OF_TARGET = """
SELECT id, at, actor_kind, actor_id, actor_name, address, action, target, before, after
FROM audit_log WHERE target = %(target)s AND id < %(before)s ORDER BY id DESC LIMIT %(limit)s
"""
NEWEST = 2**62


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something: an admin in the dashboard, or a program by its key of the API."""

    kind: Literal["admin", "key"]
    id: int
    name: str
    address: str  # from where


@dataclass(frozen=True, slots=True)
class Entry:
    """`before` and `after` hold what changed, never a secret; None where there was nothing."""

    id: int
    at: datetime
    actor: Actor
    action: str
    target: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


async def note(
    connection: Connection,
    actor: Actor,
    action: str,
    target: str,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Write it in the transaction of the change. `action` as "person.blocked", `target` as
    "person:12". Values must be JSON's; a moment is written as text."""
    values = {
        "kind": actor.kind,
        "id": actor.id,
        "name": actor.name,
        "address": actor.address,
        "action": action,
        "target": target,
        "before": _written(before),
        "after": _written(after),
    }
    await rows(connection, NOTE, values)


def _written(value: Mapping[str, object] | None) -> str | None:
    return None if value is None else json.dumps(value, default=str, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class AuditLog:
    database: Database

    async def note(
        self,
        actor: Actor,
        action: str,
        target: str,
        before: Mapping[str, object] | None = None,
        after: Mapping[str, object] | None = None,
    ) -> None:
        """As `note`, of what is no change in the database: a conversation that was read."""
        async with self.database.transaction() as connection:
            await note(connection, actor, action, target, before, after)

    async def newest(self, limit: int, before: int = NEWEST, target: str = "") -> Sequence[Entry]:
        """The newest first; `before`: the id that the last page ended with."""
        statement = OF_TARGET if target else LISTED
        values = {"limit": limit, "before": before, "target": target}
        return [_entry(row) for row in await self.database.rows(statement, values)]


def _entry(row: Any) -> Entry:
    actor = Actor(row.actor_kind, row.actor_id, row.actor_name, row.address)
    return Entry(row.id, row.at, actor, row.action, row.target, row.before, row.after)
