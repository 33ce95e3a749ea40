"""The page of the API's keys: what there is, a new one, and one that shall open nothing more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field, field_validator
from starlette.responses import RedirectResponse, Response

from assistant.errors import KeyRefused
from assistant.storage.api_keys import (
    ADMIN_SCOPES,
    DEFAULT_NAME,
    LARGEST_REQUESTS,
    LARGEST_TOKENS,
    NAME,
    SCOPES,
    ApiKey,
    ApiKeys,
    Scope,
)
from bots.admin.door import SignedIn, needs
from bots.admin.faults import Fault, page_router
from bots.admin.form import Form, fields_of, form_of
from bots.admin.shell import Shell

ADDRESS = "/admin/keys"
PAGE = 50
NEWEST = 2**62

Me = Annotated[SignedIn, needs("admin")]


class NewKey(BaseModel):
    """A fault of a check is a word's key. `expires_on`: the last day of UTC that it is good."""

    name: str
    scopes: list[Scope] = Field(default_factory=list, validate_default=True)
    requests_per_minute: int | None = Field(None, ge=1, le=LARGEST_REQUESTS)
    tokens_per_day: int | None = Field(None, ge=1, le=LARGEST_TOKENS)
    background: bool = False
    expires_on: str = ""

    @field_validator("name")
    @classmethod
    def is_a_name(cls, value: str) -> str:
        if not NAME.fullmatch(value) or value == DEFAULT_NAME:
            raise ValueError("keys.name_form")
        return value

    @field_validator("scopes")
    @classmethod
    def may_something(cls, value: list[Scope]) -> list[Scope]:
        if not value:
            raise ValueError("keys.no_scope")
        return list(dict.fromkeys(value))

    @field_validator("expires_on")
    @classmethod
    def is_a_day_to_come(cls, value: str) -> str:
        try:
            day = date.fromisoformat(value) if value else date.max
        except ValueError:
            raise ValueError("keys.no_day") from None
        if day < datetime.now(UTC).date():
            raise ValueError("keys.day_gone")
        return value

    @property
    def expires_at(self) -> datetime | None:
        if not self.expires_on or self.expires_on == date.max.isoformat():
            return None  # the last day that there is has no day after it
        day = date.fromisoformat(self.expires_on)
        return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def keys_pages(shell: Shell, keys: ApiKeys) -> APIRouter:
    router = page_router()
    pages = KeysPages(shell, keys)
    router.add_api_route("/keys", pages.list, methods=["GET"])
    router.add_api_route("/keys", pages.create, methods=["POST"])
    router.add_api_route("/keys/{key_id}/revoke", pages.revoke, methods=["POST"])
    return router


@dataclass(frozen=True, slots=True)
class KeysPages:
    shell: Shell
    keys: ApiKeys

    async def list(
        self,
        request: Request,
        me: Me,
        before: Annotated[int, Query(ge=1, le=NEWEST)] = NEWEST,
    ) -> Response:
        return await self._list(request, before=before)

    async def create(
        self, request: Request, me: Me, form: Annotated[Form[NewKey], form_of(NewKey)]
    ) -> Response:
        """The key itself is shown in the answer, this once."""
        words, given = self.shell.words(request), form.value
        if given is None:
            return await self._list(request, form.given, form.said(words))
        try:
            made, secret = await self.keys.create(
                given.name,
                scopes=given.scopes,
                requests_per_minute=given.requests_per_minute,
                tokens_per_day=given.tokens_per_day,
                background=given.background,
                expires_at=given.expires_at,
                actor=me.actor,
            )
        except KeyRefused:
            faults = {"name": words("keys.name_taken")}
            return await self._list(request, form.given, faults, status=409)
        return self.shell.page(request, "key_secret.html", {"key": made, "secret": secret})

    async def revoke(self, me: Me, key_id: Annotated[int, Path(ge=1, lt=2**63)]) -> Response:
        if await self.keys.revoke_one(key_id, me.actor) is None:
            raise Fault(404, "keys.gone")
        return RedirectResponse(ADDRESS, 303)

    async def _list(
        self,
        request: Request,
        given: Any = None,
        faults: dict[str, str] | None = None,
        *,
        before: int = NEWEST,
        status: int = 400,
    ) -> Response:
        found = await self.keys.page(PAGE + 1, before)
        now = datetime.now(UTC)
        context = {
            "keys": [(key, state_of(key, now)) for key in found[:PAGE]],
            "older": found[PAGE - 1].id if len(found) > PAGE else None,
            "scopes": {"models": SCOPES, "dashboard": ADMIN_SCOPES},
            "given": given or {},
            "ticked": fields_of(await request.body()).get("scopes", []) if given else [],
            "faults": faults or {},
        }
        return self.shell.page(request, "keys.html", context, status if faults else 200)


def state_of(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "live"
