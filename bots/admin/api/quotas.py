"""Quotas for programs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, Field

from assistant.incoming.quota import Quota, Scope
from assistant.incoming.quota_rules import MOST, NOTE_CHARACTERS, QuotaRules, read_subject
from assistant.insight.quota_list import ListedQuota, QuotaList
from assistant.storage.api_keys import ApiKey
from bots.admin.api.door import SCOPES, actor_of, api_router, scoped
from bots.admin.api.refusals import refused
from bots.api.keys import Access
from bots.http.failures import Refused

_Limit = Annotated[int | None, Field(ge=0, le=MOST)]
_SUBJECT = (
    "`person:12`, `person:*` (each person without one of their own), `chat:1:-100` (a group: its "
    "account's number and the platform's id), `chat:*`, `account:1`"
)
SubjectName = Annotated[str, Field(max_length=300, description=_SUBJECT)]
AskedSubject = Annotated[str, Query(max_length=300, description=_SUBJECT)]


class Limits(BaseModel):
    """Null: as much as they like. Days and months are UTC's."""

    tokens_per_day: _Limit = None
    tokens_per_month: _Limit = None
    messages_per_day: _Limit = None
    messages_per_month: _Limit = None


class Given(BaseModel):
    subject: SubjectName
    limits: Limits
    note: str = Field("", max_length=NOTE_CHARACTERS)


class GivenForAWhile(Given):
    until: AwareDatetime


class Used(BaseModel):
    tokens_today: int
    tokens_this_month: int
    messages_today: int
    messages_this_month: int


class ListedLimits(BaseModel):
    """`used` is null where the quota is each one's. `until`: of a temporary one."""

    subject: str
    scope: Scope
    temporary: bool
    limits: Limits
    used: Used | None
    until: datetime | None
    note: str
    changed_at: datetime


class Quotas(BaseModel):
    """`next` is the `before` of the page that follows; null at the end."""

    data: list[ListedLimits]
    next: int | None


@dataclass(frozen=True, slots=True)
class QuotaApi:
    access: Access
    quotas: QuotaList
    rules: QuotaRules

    def router(self) -> APIRouter:
        router = api_router()
        view = [scoped(self.access, "viewer")]
        operate = [scoped(self.access, "operator")]
        manage = [scoped(self.access, "admin")]
        add = router.add_api_route
        add("/quotas", self.listed, methods=["GET"], dependencies=view)
        add("/quotas", self.keep, methods=["PUT"], dependencies=manage, status_code=204)
        add("/quotas", self.remove, methods=["DELETE"], dependencies=manage, status_code=204)
        add("/overrides", self.override, methods=["PUT"], dependencies=operate, status_code=204)
        add("/overrides", self.end, methods=["DELETE"], dependencies=operate, status_code=204)
        return router

    async def listed(self, before: Annotated[int | None, Query(ge=1, lt=2**63)] = None) -> Quotas:
        """The quotas that hold, with what was used of each; what was set last first."""
        page = await self.quotas.listed(before)
        return Quotas(data=[_listed(one) for one in page.quotas], next=page.before)

    async def keep(self, request: Request, given: Given) -> None:
        """Set what somebody may use, from now on."""
        await self._keep(request, given)

    async def override(self, request: Request, given: GivenForAWhile) -> None:
        """Set what somebody may use until a time, a year at most; then what they had holds again.
        Of others than one person only with the scope `admin.manage`."""
        _check_whose(request, given.subject)
        await self._keep(request, given, given.until)

    async def remove(self, request: Request, subject: AskedSubject) -> None:
        """Take a quota away."""
        await self._remove(request, subject, temporary=False)

    async def end(self, request: Request, subject: AskedSubject) -> None:
        """End a temporary quota before its time."""
        _check_whose(request, subject)
        await self._remove(request, subject, temporary=True)

    async def _keep(self, request: Request, given: Given, until: datetime | None = None) -> None:
        quota = Quota(**given.limits.model_dump())
        with refused():
            subject = read_subject(given.subject)
            await self.rules.keep(actor_of(request), subject, quota, until=until, why=given.note)

    async def _remove(self, request: Request, subject: str, *, temporary: bool) -> None:
        with refused():
            named = read_subject(subject)
        if not await self.rules.remove(actor_of(request), named, temporary=temporary):
            raise Refused(404, "There is no such quota.", code="no_quota")


def _check_whose(request: Request, subject: str) -> None:
    """Raises Refused: what holds for many is no operator's to lift."""
    key: ApiKey = request.state.key
    with refused():
        one_person = read_subject(subject).person_id is not None
    if not one_person and SCOPES["admin"] not in key.scopes:
        raise Refused(
            403,
            f"A temporary quota for others than one person needs the scope {SCOPES['admin']}.",
            code="insufficient_scope",
        )


def _listed(one: ListedQuota) -> ListedLimits:
    spent = one.standing.spent
    used = Used(
        tokens_today=spent.tokens_per_day,
        tokens_this_month=spent.tokens_per_month,
        messages_today=spent.messages_per_day,
        messages_this_month=spent.messages_per_month,
    )
    return ListedLimits(
        subject=one.subject,
        scope=one.standing.scope,
        temporary=one.temporary,
        limits=Limits(**asdict(one.standing.quota)),
        used=None if one.of_each else used,
        until=one.standing.until,
        note=one.note,
        changed_at=one.changed_at,
    )
