"""The audit log for programs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from assistant.storage.audit import NEWEST, AuditLog, Entry
from bots.admin.api.door import api_router, scoped
from bots.api.keys import Access

MOST = 200


class AuditEntry(BaseModel):
    id: int
    at: datetime
    actor: Literal["admin", "key"]
    actor_id: int
    actor_name: str
    address: str
    action: str
    target: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditPage(BaseModel):
    """`next` is the `before` of the page that follows; null at the end."""

    data: list[AuditEntry]
    next: int | None


def audit_api(access: Access, audit: AuditLog) -> APIRouter:
    router = api_router()

    @router.get("/audit", dependencies=[scoped(access, "admin")])
    async def audit_log(
        limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
        before: Annotated[int, Query(ge=1, le=NEWEST)] = NEWEST,
        target: Annotated[str, Query(max_length=200)] = "",
    ) -> AuditPage:
        """Who changed what, newest first."""
        found = await audit.newest(limit + 1, before, target.replace("\x00", ""))
        return AuditPage(
            data=_entries(found[:limit]), next=found[limit - 1].id if len(found) > limit else None
        )

    return router


def _entries(found: Sequence[Entry]) -> list[AuditEntry]:
    return [
        AuditEntry(
            id=one.id,
            at=one.at,
            actor=one.actor.kind,
            actor_id=one.actor.id,
            actor_name=one.actor.name,
            address=one.actor.address,
            action=one.action,
            target=one.target,
            before=None if one.before is None else dict(one.before),
            after=None if one.after is None else dict(one.after),
        )
        for one in found
    ]
