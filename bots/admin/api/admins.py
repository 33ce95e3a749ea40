"""The dashboard's admins, for programs that let people in and out."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from assistant.errors import ChangeRefused
from assistant.roles import Role
from assistant.storage.admin_changes import AdminChanges
from assistant.storage.admins import Admin, Admins
from bots.admin.admins import NAME_CHARACTERS
from bots.admin.api.door import actor_of, api_router, scoped
from bots.admin.passwords import hash_password, new_password
from bots.api.keys import Access
from bots.http.failures import Refused

T = TypeVar("T")

AdminId = Annotated[int, Path(ge=1, lt=2**63)]
# No space around it, and nothing that PostgreSQL doesn't take or nobody sees.
_NAME = r"^[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$"


class NewAdminEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=NAME_CHARACTERS, pattern=_NAME)
    role: Role


class AdminChange(BaseModel):
    """What is left out stays."""

    model_config = ConfigDict(extra="forbid")

    role: Role | None = None
    disabled: bool | None = None


class AdminEntry(BaseModel):
    """`subject`: whom the provider means, where they sign in by it; else empty."""

    id: int
    name: str
    role: Role
    created_at: datetime
    seen_at: datetime | None
    disabled_at: datetime | None
    second_factor: bool
    password: bool
    subject: str


class AdminList(BaseModel):
    data: list[AdminEntry]


class MadeAdmin(BaseModel):
    """`password` is in this answer alone."""

    admin: AdminEntry
    password: str


class EndedSessions(BaseModel):
    ended: int


def admins_api(access: Access, admins: Admins, changes: AdminChanges) -> APIRouter:
    router = api_router()
    manage = [scoped(access, "admin")]

    async def entry(admin_id: int) -> AdminEntry:
        found = await admins.get(admin_id)
        if found is None:
            raise Refused(404, "There is no such admin.", code="gone")
        return _entry(found)

    @router.get("/admins", dependencies=manage)
    async def admin_list() -> AdminList:
        """Who may sign in, and who may not any more."""
        return AdminList(data=[_entry(one) for one in await admins.listed()])

    @router.post("/admins", dependencies=manage, status_code=201)
    async def create_admin(request: Request, given: NewAdminEntry) -> MadeAdmin:
        """Somebody new. Their password, only this answer says."""
        password = new_password()
        hashed = await hash_password(password)
        made = await _done(changes.create(given.name, given.role, hashed, actor_of(request)))
        return MadeAdmin(admin=_entry(made), password=password)

    @router.patch("/admins/{admin_id}", dependencies=manage)
    async def change_admin(request: Request, admin_id: AdminId, given: AdminChange) -> AdminEntry:
        """Their role, or whether they may sign in. The last admin stays one."""
        actor = actor_of(request)
        if given.role is not None:
            await _done(changes.set_role(admin_id, given.role, actor))
        if given.disabled is not None:
            change = changes.disable if given.disabled else changes.enable
            await _done(change(admin_id, actor))
        return await entry(admin_id)

    @router.post("/admins/{admin_id}/password", dependencies=manage)
    async def reset_admin_password(request: Request, admin_id: AdminId) -> MadeAdmin:
        """A new password in place of theirs, and the end of their sign-ins."""
        password = new_password()
        hashed = await hash_password(password)
        changed = await _done(changes.reset_password(admin_id, hashed, actor_of(request)))
        return MadeAdmin(admin=_entry(changed), password=password)

    @router.delete("/admins/{admin_id}/second-factor", dependencies=manage)
    async def reset_admin_second_factor(request: Request, admin_id: AdminId) -> AdminEntry:
        """Let them in by the password alone, until they set another up."""
        await _done(changes.reset_second_factor(admin_id, actor_of(request)))
        return await entry(admin_id)

    @router.delete("/admins/{admin_id}/sessions", dependencies=manage)
    async def end_admin_sessions(request: Request, admin_id: AdminId) -> EndedSessions:
        """End all their sign-ins."""
        ended = await _done(changes.end_sessions(admin_id, actor_of(request)))
        return EndedSessions(ended=ended)

    return router


async def _done(change: Awaitable[T]) -> T:
    try:
        return await change
    except ChangeRefused as error:
        status = 404 if error.code == "gone" else 409
        raise Refused(status, str(error), code=error.code) from None


def _entry(admin: Admin) -> AdminEntry:
    return AdminEntry(
        id=admin.id,
        name=admin.name,
        role=admin.role,
        created_at=admin.created_at,
        seen_at=admin.seen_at,
        disabled_at=admin.disabled_at,
        second_factor=admin.totp,
        password=admin.password,
        subject=admin.subject,
    )
