"""The admins' page: who may sign in and what they may, and one of them in full."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field, field_validator
from starlette.responses import RedirectResponse, Response

from assistant.errors import ChangeRefused
from assistant.roles import ROLES, Role
from assistant.storage.admin_changes import AdminChanges
from assistant.storage.admins import Admin, Admins
from bots.admin.door import SignedIn, needs
from bots.admin.faults import Fault, page_router
from bots.admin.form import Form, form_of
from bots.admin.passwords import hash_password, new_password
from bots.admin.shell import Shell

ADDRESS = "/admin/admins"
NAME_CHARACTERS = 100

Me = Annotated[SignedIn, needs("admin")]
AdminId = Annotated[int, Path(ge=1, lt=2**63)]


class NewAdmin(BaseModel):
    name: str = Field(max_length=NAME_CHARACTERS)
    role: Role

    @field_validator("name")
    @classmethod
    def can_be_typed(cls, value: str) -> str:
        """Whoever signs in types it: no spaces around it, nothing that isn't seen."""
        name = value.strip()
        if not name or not name.isprintable():
            raise ValueError("shell.field_form")
        return name


class NewRole(BaseModel):
    role: Role


def admins_pages(shell: Shell, admins: Admins, changes: AdminChanges) -> APIRouter:
    router = page_router()
    pages = AdminsPages(shell, admins, changes)
    router.add_api_route("/admins", pages.list, methods=["GET"])
    router.add_api_route("/admins", pages.create, methods=["POST"])
    router.add_api_route("/admins/{admin_id}", pages.show, methods=["GET"])
    for name, change in (
        ("role", pages.set_role),
        ("disable", pages.disable),
        ("enable", pages.enable),
        ("sessions/end", pages.end_sessions),
        ("password", pages.reset_password),
        ("second-factor", pages.reset_second_factor),
    ):
        router.add_api_route(f"/admins/{{admin_id}}/{name}", change, methods=["POST"])
    return router


@dataclass(frozen=True, slots=True)
class AdminsPages:
    shell: Shell
    admins: Admins
    changes: AdminChanges

    async def list(self, request: Request, me: Me) -> Response:
        return await self._list(request)

    async def create(
        self, request: Request, me: Me, form: Annotated[Form[NewAdmin], form_of(NewAdmin)]
    ) -> Response:
        """The password is shown in the answer, this once."""
        faults = form.said(self.shell.words(request))
        if form.value is None:
            return await self._list(request, form.given, faults)
        password = new_password()
        given, hashed = form.value, await hash_password(password)
        try:
            made = await self.changes.create(given.name, given.role, hashed, me.actor)
        except ChangeRefused as error:
            words = self.shell.words(request)
            faults = {"name": words(f"admins.refused.{error.code}")}
            return await self._list(request, form.given, faults, 409)
        return self._password(request, made, password)

    async def show(self, request: Request, me: Me, admin_id: AdminId) -> Response:
        admin = await self.admins.get(admin_id)
        if admin is None:
            raise Fault(404, "admins.refused.gone")
        context = {
            "admin": admin,
            "sessions": await self.admins.sessions(admin_id),
            "roles": ROLES,
            "own": admin_id == me.admin.id,
        }
        return self.shell.page(request, "admin.html", context)

    async def set_role(
        self,
        me: Me,
        admin_id: AdminId,
        form: Annotated[Form[NewRole], form_of(NewRole)],
    ) -> Response:
        if form.value is None:
            raise Fault(400, "shell.field_choice")
        await _done(self.changes.set_role(admin_id, form.value.role, me.actor))
        return _back(admin_id)

    async def disable(self, me: Me, admin_id: AdminId) -> Response:
        await _done(self.changes.disable(admin_id, me.actor))
        return _back(admin_id)

    async def enable(self, me: Me, admin_id: AdminId) -> Response:
        await _done(self.changes.enable(admin_id, me.actor))
        return _back(admin_id)

    async def end_sessions(self, me: Me, admin_id: AdminId) -> Response:
        await _done(self.changes.end_sessions(admin_id, me.actor))
        return _back(admin_id)

    async def reset_password(self, request: Request, me: Me, admin_id: AdminId) -> Response:
        password = new_password()
        hashed = await hash_password(password)
        admin = await _done(self.changes.reset_password(admin_id, hashed, me.actor))
        return self._password(request, admin, password)

    async def reset_second_factor(self, me: Me, admin_id: AdminId) -> Response:
        await _done(self.changes.reset_second_factor(admin_id, me.actor))
        return _back(admin_id)

    async def _list(
        self,
        request: Request,
        given: Any = None,
        faults: dict[str, str] | None = None,
        status: int = 400,
    ) -> Response:
        context = {
            "admins": await self.admins.listed(),
            "roles": ROLES,
            "given": given or {},
            "faults": faults or {},
        }
        return self.shell.page(request, "admins.html", context, status if faults else 200)

    def _password(self, request: Request, admin: Admin, password: str) -> Response:
        context = {"admin": admin, "password": password}
        return self.shell.page(request, "admin_password.html", context)


async def _done(change: Awaitable[Any]) -> Any:
    """What it gives, or the word of why it can't be."""
    try:
        return await change
    except ChangeRefused as error:
        status = 404 if error.code == "gone" else 409
        raise Fault(status, f"admins.refused.{error.code}") from error


def _back(admin_id: int) -> Response:
    return RedirectResponse(f"{ADDRESS}/{admin_id}", 303)
