"""What a key may do of the dashboard: its scopes are the roles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request

from assistant.roles import Role
from assistant.storage.api_keys import AdminScope, ApiKey
from assistant.storage.audit import Actor
from bots.admin.door import address_of
from bots.api.keys import Access, LimitedRoute
from bots.api.response import refusals

SCOPES: Mapping[Role, AdminScope] = {
    "viewer": "admin.view",
    "operator": "admin.operate",
    "admin": "admin.manage",
}
REFUSALS = refusals(400, 401, 403, 404, 409, 413, 421, 429, 500, 503)


def api_router() -> APIRouter:
    return APIRouter(
        prefix="/v1/admin", route_class=LimitedRoute, responses=REFUSALS, tags=["Admin"]
    )


def scoped(access: Access, role: Role) -> Any:
    """`dependencies=[scoped(access, "viewer")]` of a route."""
    return Depends(access(SCOPES[role]))


def actor_of(request: Request) -> Actor:
    """The key that asks, for the audit log."""
    key: ApiKey = request.state.key
    return Actor("key", key.id, key.name, address_of(request))
