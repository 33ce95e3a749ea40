"""The list of people, and the page of each: identities, what they may use, what they used."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import RedirectResponse, Response

from assistant.incoming.admittance import Admittance
from assistant.incoming.quota_rules import QuotaRules, of_person
from assistant.incoming.spending import PROGRAMS, Spending
from assistant.insight.people import People
from assistant.insight.quota_list import QuotaList
from bots.admin.door import SignedIn, needs
from bots.admin.faults import Fault, page_router
from bots.admin.form import Form, form_of
from bots.admin.people.quota_form import HOURS, OverrideForm, QuotaForm, shown
from bots.admin.people.refusals import refused_in_words
from bots.admin.shell import Shell

Viewer = Annotated[SignedIn, needs("viewer")]
Operator = Annotated[SignedIn, needs("operator")]
Manager = Annotated[SignedIn, needs("admin")]
Id = Annotated[int, Path(ge=1, lt=2**63)]
Stop = Callable[[int], Awaitable[bool]]


class AccessForm(BaseModel):
    access: Literal["pending", "allowed", "blocked"]


@dataclass(frozen=True, slots=True)
class _Given:
    """What was sent and was not right, by the form that sent it."""

    form: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)


_NOTHING = _Given()


@dataclass(frozen=True, slots=True)
class PeoplePages:
    """`stop` ends a turn. `clock` gives Unix seconds."""

    shell: Shell
    people: People
    quotas: QuotaList
    rules: QuotaRules
    spending: Spending
    admittance: Admittance
    stop: Stop
    clock: Callable[[], float]

    def router(self) -> APIRouter:
        router = page_router()
        one = "/people/{person_id}"
        router.add_api_route("/people", self.listed, methods=["GET"])
        router.add_api_route(one, self.person, methods=["GET"])
        for path, change in (
            ("/access", self.set_access),
            ("/identities/{identity_id}/access", self.set_identity),
            ("/identities/{identity_id}/part", self.part),
            ("/quota", self.set_quota),
            ("/quota/remove", self.remove_quota),
            ("/override", self.set_override),
            ("/override/remove", self.remove_override),
        ):
            router.add_api_route(one + path, change, methods=["POST"])
        return router

    async def listed(
        self,
        request: Request,
        _: Viewer,
        q: Annotated[str, Query(max_length=200)] = "",
        blocked: bool = False,
        before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
    ) -> Response:
        q = q.replace("\x00", "").strip()
        page = await self.people.listed(q, blocked=blocked, before=before)
        asked = {"q": q} if q else {"blocked": "true"} if blocked else {}
        older = urlencode({**asked, "before": page.before}) if page.before else ""
        context = {"page": page, "q": q, "blocked": blocked, "first": before is None}
        return self.shell.page(request, "people.html", {**context, "older": older})

    async def person(self, request: Request, _: Viewer, person_id: Id) -> Response:
        return await self._page(request, person_id)

    async def set_access(
        self,
        admin: Operator,
        person_id: Id,
        form: Annotated[Form[AccessForm], form_of(AccessForm)],
    ) -> Response:
        """Of all that the person is known by. Who is blocked is answered no further."""
        if form.value is None:
            raise Fault(400, "shell.field_choice")
        access = form.value.access
        with refused_in_words():
            live = await self.admittance.stand_all(admin.actor, person_id, access)
        if access == "blocked":
            for turn_id in live:
                await self.stop(turn_id)
        return _back(person_id)

    async def set_identity(
        self,
        admin: Operator,
        person_id: Id,
        identity_id: Id,
        form: Annotated[Form[AccessForm], form_of(AccessForm)],
    ) -> Response:
        if form.value is None:
            raise Fault(400, "shell.field_choice")
        with refused_in_words():
            whose = await self.admittance.stand(admin.actor, identity_id, form.value.access)
        return _back(whose)

    async def part(self, admin: Operator, person_id: Id, identity_id: Id) -> Response:
        with refused_in_words():
            alone = await self.admittance.part(admin.actor, identity_id)
        return _back(alone)

    async def set_quota(
        self,
        request: Request,
        admin: Manager,
        person_id: Id,
        form: Annotated[Form[QuotaForm], form_of(QuotaForm)],
    ) -> Response:
        if form.value is None:
            return await self._page(request, person_id, self._given(request, "quota", form))
        return await self._keep(admin, person_id, form.value)

    async def set_override(
        self,
        request: Request,
        admin: Operator,
        person_id: Id,
        form: Annotated[Form[OverrideForm], form_of(OverrideForm)],
    ) -> Response:
        if form.value is None:
            return await self._page(request, person_id, self._given(request, "override", form))
        return await self._keep(admin, person_id, form.value)

    async def remove_quota(self, admin: Manager, person_id: Id) -> Response:
        return await self._remove(admin, person_id, temporary=False)

    async def remove_override(self, admin: Operator, person_id: Id) -> Response:
        return await self._remove(admin, person_id, temporary=True)

    async def _keep(self, admin: SignedIn, person_id: int, given: QuotaForm) -> Response:
        until = given.until(self.clock()) if isinstance(given, OverrideForm) else None
        subject = of_person(person_id)
        with refused_in_words():
            await self.rules.keep(admin.actor, subject, given.quota, until=until, why=given.why)
        return _back(person_id)

    async def _remove(self, admin: SignedIn, person_id: int, *, temporary: bool) -> Response:
        if not await self.rules.remove(admin.actor, of_person(person_id), temporary=temporary):
            raise Fault(404, "people.no_quota")
        return _back(person_id)

    def _given(self, request: Request, name: str, form: Form[Any]) -> _Given:
        return _Given(name, form.given, form.said(self.shell.words(request)))

    async def _page(self, request: Request, person_id: int, given: _Given = _NOTHING) -> Response:
        person = await self.people.one(person_id)
        if person is None:
            raise Fault(404, "people.gone")
        program = all(one.channel in PROGRAMS for one in person.identities)
        quotas = [
            one for one in await self.quotas.of_person(person_id) if not (program and one.of_each)
        ]
        own = next((one for one in quotas if not one.of_each and one.until is None), None)
        override = next((one for one in quotas if not one.of_each and one.until), None)
        holds = quotas[0] if quotas else None
        more = override or holds
        context = {
            "person": person,
            "standing": await self.spending.of_person(person_id, program=program),
            "own": own,
            "override": override,
            "holds": holds,
            "hours": HOURS,
            "given": given,
            "quota_fields": shown(own.quota if own else None, own.note if own else ""),
            "override_fields": shown(more.quota if more else None),
        }
        status = 400 if given.form else 200
        return self.shell.page(request, "person.html", context, status)


def _back(person_id: int) -> Response:
    return RedirectResponse(f"/admin/people/{person_id}", 303)
