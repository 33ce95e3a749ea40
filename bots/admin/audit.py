"""The audit log's page: who changed what, newest first."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from assistant.storage.audit import NEWEST, AuditLog
from bots.admin.door import SignedIn, needs
from bots.admin.faults import page_router
from bots.admin.shell import Shell

PAGE = 50


def audit_pages(shell: Shell, audit: AuditLog) -> APIRouter:
    router = page_router()

    @router.get("/audit")
    async def page(
        request: Request,
        _: Annotated[SignedIn, needs("admin")],
        before: Annotated[int, Query(ge=1, le=NEWEST)] = NEWEST,
        target: Annotated[str, Query(max_length=200)] = "",
    ) -> Response:
        found = await audit.newest(PAGE + 1, before, target.replace("\x00", ""))
        entries = found[:PAGE]
        older = entries[-1].id if len(found) > PAGE else None
        context = {"entries": entries, "older": older, "target": target, "newest": before == NEWEST}
        return shell.page(request, "audit.html", context)

    return router
