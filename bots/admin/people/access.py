"""Who may talk to which account: requests to be let in, the account's rule, its list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from assistant.incoming.admittance import ENTRY_CHARACTERS, NOTE_CHARACTERS, Admittance
from assistant.insight.doors import Doors
from bots.admin.door import SignedIn, needs
from bots.admin.faults import Fault, page_router
from bots.admin.form import Form, form_of
from bots.admin.people.refusals import refused_in_words
from bots.admin.shell import Shell

ADDRESS = "/admin/people/access"

Id = Annotated[int, Path(ge=1, lt=2**63)]
Operator = Annotated[SignedIn, needs("operator")]


class DecisionForm(BaseModel):
    decision: Literal["allowed", "pending", "blocked"]


class RuleForm(BaseModel):
    """Empty: as the settings say."""

    access: Literal["open", "allowlist", "pairing"] | None = None


class EntryForm(BaseModel):
    entry: str = Field(min_length=1, max_length=ENTRY_CHARACTERS)
    why: str = Field("", max_length=NOTE_CHARACTERS)


class RemovalForm(BaseModel):
    entry: str = Field(max_length=ENTRY_CHARACTERS)


@dataclass(frozen=True, slots=True)
class AccessPages:
    shell: Shell
    doors: Doors
    admittance: Admittance

    def router(self) -> APIRouter:
        router = page_router()
        account = "/people/access/accounts/{account_id}"
        router.add_api_route("/people/access", self.page, methods=["GET"])
        for path, change in (
            ("/people/access/requests/{identity_id}", self.decide),
            (account, self.set_rule),
            (account + "/list", self.enlist),
            (account + "/unlist", self.unlist),
        ):
            router.add_api_route(path, change, methods=["POST"])
        return router

    async def page(self, request: Request, _: Annotated[SignedIn, needs("viewer")]) -> Response:
        return await self._page(request)

    async def decide(
        self,
        admin: Operator,
        identity_id: Id,
        form: Annotated[Form[DecisionForm], form_of(DecisionForm)],
    ) -> Response:
        if form.value is None:
            raise Fault(400, "shell.field_choice")
        with refused_in_words():
            await self.admittance.stand(admin.actor, identity_id, form.value.decision)
        return RedirectResponse(ADDRESS, 303)

    async def set_rule(
        self,
        admin: Annotated[SignedIn, needs("admin")],
        account_id: Id,
        form: Annotated[Form[RuleForm], form_of(RuleForm)],
    ) -> Response:
        if form.value is None:
            raise Fault(400, "shell.field_choice")
        with refused_in_words():
            await self.admittance.choose(admin.actor, account_id, form.value.access)
        return RedirectResponse(ADDRESS, 303)

    async def enlist(
        self,
        request: Request,
        admin: Operator,
        account_id: Id,
        form: Annotated[Form[EntryForm], form_of(EntryForm)],
    ) -> Response:
        if form.value is None:
            return await self._page(request, account_id, form)
        with refused_in_words():
            await self.admittance.enlist(admin.actor, account_id, form.value.entry, form.value.why)
        return RedirectResponse(ADDRESS, 303)

    async def unlist(
        self,
        admin: Operator,
        account_id: Id,
        form: Annotated[Form[RemovalForm], form_of(RemovalForm)],
    ) -> Response:
        if form.value is None:
            raise Fault(404, "people.refused.not_listed")
        with refused_in_words():
            await self.admittance.unlist(admin.actor, account_id, form.value.entry)
        return RedirectResponse(ADDRESS, 303)

    async def _page(
        self, request: Request, account_id: int = 0, form: Form[EntryForm] | None = None
    ) -> Response:
        """`form`: what was sent for this account's list and was not right."""
        context = {
            "requests": await self.doors.requests(),
            "accounts": await self.doors.accounts(),
            "wrong": account_id,
            "given": form.given if form else {},
            "faults": form.said(self.shell.words(request)) if form else {},
        }
        return self.shell.page(request, "people_access.html", context, 400 if form else 200)
