"""The API's keys for programs that hand them out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, field_validator

from assistant.errors import KeyRefused
from assistant.storage.api_keys import (
    DEFAULT_NAME,
    LARGEST_REQUESTS,
    LARGEST_TOKENS,
    NAME,
    ApiKey,
    ApiKeys,
    Scope,
)
from bots.admin.api.door import actor_of, api_router, scoped
from bots.admin.keys import NEWEST, state_of
from bots.api.keys import Access
from bots.http.failures import Refused

MOST = 200


class NewApiKey(BaseModel):
    """Without a limit it may ask as it likes; without an end it has none."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=f"^{NAME.pattern}$")
    scopes: list[Scope] = Field(min_length=1)
    requests_per_minute: int | None = Field(None, ge=1, le=LARGEST_REQUESTS)
    tokens_per_day: int | None = Field(None, ge=1, le=LARGEST_TOKENS)
    background: bool = False
    expires_at: datetime | None = None

    @field_validator("expires_at")
    @classmethod
    def has_a_zone(cls, value: datetime | None) -> datetime | None:
        """Without one it is taken as UTC."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class KeyEntry(BaseModel):
    id: int
    name: str
    prefix: str
    scopes: list[Scope]
    state: Literal["live", "expired", "revoked"]
    requests_per_minute: int | None
    tokens_per_day: int | None
    background: bool
    created_at: datetime | None
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


class MadeKey(KeyEntry):
    """`key` is the secret; it is in this answer alone."""

    key: str


class KeyPage(BaseModel):
    """`next` is the `before` of the page that follows; null at the end."""

    data: list[KeyEntry]
    next: int | None


def keys_api(access: Access, keys: ApiKeys) -> APIRouter:
    router = api_router()
    admin = [scoped(access, "admin")]

    @router.get("/keys", dependencies=admin)
    async def api_keys(
        limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
        before: Annotated[int, Query(ge=1, le=NEWEST)] = NEWEST,
    ) -> KeyPage:
        """The keys, newest first, also those that open nothing any more."""
        found = await keys.page(limit + 1, before)
        return KeyPage(
            data=[KeyEntry.model_validate(_entry(one)) for one in found[:limit]],
            next=found[limit - 1].id if len(found) > limit else None,
        )

    @router.post("/keys", dependencies=admin, status_code=201)
    async def create_api_key(request: Request, given: NewApiKey) -> MadeKey:
        """A new key. What it is, only this answer says."""
        if given.name == DEFAULT_NAME:
            raise Refused(409, "This is the name of the key of the settings: take another.")
        if given.expires_at is not None and given.expires_at <= datetime.now(UTC):
            raise Refused(409, "This end is over already.", param="expires_at")
        try:
            made, secret = await keys.create(
                given.name,
                scopes=tuple(dict.fromkeys(given.scopes)),
                requests_per_minute=given.requests_per_minute,
                tokens_per_day=given.tokens_per_day,
                background=given.background,
                expires_at=given.expires_at,
                actor=actor_of(request),
            )
        except KeyRefused as error:
            raise Refused(409, str(error), code=error.code) from None
        return MadeKey.model_validate(_entry(made) | {"key": secret})

    @router.delete("/keys/{key_id}", dependencies=admin)
    async def revoke_api_key(
        request: Request, key_id: Annotated[int, Path(ge=1, lt=2**63)]
    ) -> KeyEntry:
        """Let it open nothing any more, within a second."""
        revoked = await keys.revoke_one(key_id, actor_of(request))
        if revoked is None:
            raise Refused(404, "There is no such key, or it opens nothing already.")
        return KeyEntry.model_validate(_entry(revoked))

    return router


def _entry(key: ApiKey) -> dict[str, object]:
    named = KeyEntry.model_fields.keys() - {"state", "scopes"}
    found: dict[str, object] = {name: getattr(key, name) for name in named}
    return found | {"scopes": list(key.scopes), "state": state_of(key, datetime.now(UTC))}
