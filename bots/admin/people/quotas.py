"""All quotas: each one's, the groups', the accounts', and what is used of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from assistant.incoming.quota_rules import QuotaRules, read_subject
from assistant.insight.quota_list import QuotaList
from bots.admin.door import SignedIn, needs
from bots.admin.faults import Fault, page_router
from bots.admin.form import Form, form_of
from bots.admin.people.quota_form import RemovalForm, RuleForm, shown
from bots.admin.people.refusals import refused_in_words
from bots.admin.shell import Shell

ADDRESS = "/admin/people/quotas"
SUBJECTS = ("everyone", "groups", "account", "chat")

Manager = Annotated[SignedIn, needs("admin")]


@dataclass(frozen=True, slots=True)
class QuotaPages:
    shell: Shell
    quotas: QuotaList
    rules: QuotaRules

    def router(self) -> APIRouter:
        router = page_router()
        router.add_api_route("/people/quotas", self.page, methods=["GET"])
        router.add_api_route("/people/quotas", self.keep, methods=["POST"])
        router.add_api_route("/people/quotas/remove", self.remove, methods=["POST"])
        return router

    async def page(
        self,
        request: Request,
        _: Annotated[SignedIn, needs("viewer")],
        before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
    ) -> Response:
        return await self._page(request, shown(None), {}, before)

    async def keep(
        self,
        request: Request,
        admin: Manager,
        form: Annotated[Form[RuleForm], form_of(RuleForm)],
    ) -> Response:
        faults = form.said(self.shell.words(request))
        if form.value is not None:
            faults = self._missing(request, form.value)
        if form.value is None or faults:
            return await self._page(request, form.given, faults)
        with refused_in_words():
            await self.rules.keep(
                admin.actor, form.value.subject, form.value.quota, why=form.value.why
            )
        return RedirectResponse(ADDRESS, 303)

    async def remove(
        self,
        admin: Manager,
        form: Annotated[Form[RemovalForm], form_of(RemovalForm)],
        temporary: bool = False,
    ) -> Response:
        if form.value is None:
            raise Fault(404, "people.no_quota")
        with refused_in_words():
            subject = read_subject(form.value.subject)
        if not await self.rules.remove(admin.actor, subject, temporary=temporary):
            raise Fault(404, "people.no_quota")
        return RedirectResponse(ADDRESS, 303)

    def _missing(self, request: Request, given: RuleForm) -> dict[str, str]:
        words = self.shell.words(request)
        if given.of in ("account", "chat") and not given.account:
            return {"account": words("shell.field_missing")}
        if given.of == "chat" and not given.chat.strip():
            return {"chat": words("shell.field_missing")}
        return {}

    async def _page(
        self,
        request: Request,
        given: Mapping[str, str],
        faults: Mapping[str, str],
        before: int | None = None,
    ) -> Response:
        page = await self.quotas.listed(before)
        context = {
            "quotas": page.quotas,
            "older": page.before,
            "accounts": await self.quotas.accounts(),
            "subjects": SUBJECTS,
            "given": given,
            "faults": faults,
        }
        return self.shell.page(request, "people_quotas.html", context, 400 if faults else 200)
