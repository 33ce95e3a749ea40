"""Whose key it is, what it opens, and what is left of its quotas.

The key of the settings, or of the file in the data directory, is the key `default`: it opens all
but `/v1/admin`, and has no quota. All others stand in the database.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

from assistant.incoming.quotas import Quotas, Room
from assistant.messages import Requester
from assistant.storage.api_keys import USED_SECONDS, ApiKey, ApiKeys, Scope, hashed
from bots.http.failures import Refused, limits
from bots.http.private_file import load_or_create
from bots.http.safety import same_secret

# A revoked key stops within so long, on each gateway.
FRESH_SECONDS = 0.5

_BEARER = HTTPBearer(
    auto_error=False,
    description="The key in the file that `outrider run` names, or one that "
    "`outrider keys create` made.",
)
DEFAULT = ApiKey(0, "default")
# What of the API costs tokens.
SPENDING: frozenset[Scope] = frozenset(("chat", "completions", "embeddings"))


def load_or_create_key(path: Path) -> SecretStr:
    """The key in `path`, made there (mode 0600) if it is missing. Raises StartupError."""
    return SecretStr(load_or_create(path, lambda: "sk-outrider-" + secrets.token_urlsafe(32)))


def requester(key: ApiKey) -> Requester:
    """Who asks with this key: each key is somebody of its own, as a person is."""
    if key.id == DEFAULT.id:
        return Requester()
    return Requester(f"key-{key.id}", key.name)


@dataclass(slots=True)
class Keyring:
    """`stored` None: there is no key beside the default one.

    All that open something are read at once, and kept for FRESH_SECONDS. So a stranger's guesses
    cost the database nothing, however many come. A key is found by its hash, which nobody can
    steer: how long that takes tells nothing of any key.
    """

    default: SecretStr
    stored: ApiKeys | None = None
    _live: dict[bytes, ApiKey] = field(default_factory=dict, init=False)
    _read_at: float = field(default=-math.inf, init=False)
    _used_at: dict[int, float] = field(default_factory=dict, init=False)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def find(self, secret: str) -> ApiKey | None:
        """None for what opens nothing. Raises StorageUnavailable, where only the database knows."""
        if same_secret(secret, self.default):
            return DEFAULT
        if self.stored is None:
            return None
        asked, name = time.monotonic(), hashed(secret)
        await self._read(self.stored, asked - FRESH_SECONDS)
        if name not in self._live and self._read_at < asked:  # it may be quite new
            await asyncio.sleep(max(self._read_at + FRESH_SECONDS - time.monotonic(), 0.0))
            await self._read(self.stored, asked)
        found = self._live.get(name)
        if found is not None:
            await self._note_use(self.stored, found)
        return found

    async def _read(self, stored: ApiKeys, since: float) -> None:
        """Read them, unless they were read since then; who asks meanwhile waits for that."""
        async with self._reading:
            if self._read_at < since:
                begun = time.monotonic()
                self._live = await stored.live()
                self._read_at = begun

    async def _note_use(self, stored: ApiKeys, key: ApiKey) -> None:
        now = time.monotonic()
        if self._used_at.get(key.id, -math.inf) + USED_SECONDS <= now:
            self._used_at[key.id] = now
            await stored.used(key)


@dataclass(frozen=True, slots=True)
class Access:
    """`Depends(access("chat"))` lets in who may, and leaves the key in `request.state.key`."""

    keyring: Keyring
    quotas: Quotas | None = None

    def __call__(self, scope: Scope) -> Entrance:
        return Entrance(self, scope)

    async def take(self, said: dict[str, str], key: ApiKey, *, spends: bool) -> None:
        """Raises Refused (429). `said` gets the headers that say what is left."""
        if self.quotas is None:
            return
        sender = requester(key).id
        if key.requests_per_minute is not None:
            room = await self.quotas.take_request(key.id, sender, key.requests_per_minute)
            said |= _headers("requests", room)
            if not room.granted:
                raise _too_many(room)
        if spends and key.tokens_per_day is not None:
            room = await self.quotas.tokens_left(key.id, sender, key.tokens_per_day)
            said |= _headers("tokens", room)
            if not room.granted:
                raise _spent(room)


@dataclass(frozen=True, eq=False)  # FastAPI keeps what it depends on by its hash
class Entrance:
    """Lets in a key that has this scope; raises Refused for any other."""

    access: Access
    scope: Scope

    async def __call__(
        self,
        request: Request,
        given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    ) -> None:
        keyring = self.access.keyring
        key = None if given is None else await keyring.find(given.credentials)
        if key is None:
            raise _unknown()
        if self.scope not in key.scopes:
            raise _out_of_scope(key, self.scope)
        request.state.key = key
        request.state.limits = {}
        await self.access.take(request.state.limits, key, spends=self.scope in SPENDING)


class LimitedRoute(APIRoute):
    """Says with each answer, also a refusal, what is left of the key's quotas."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                response = await handle(request)
            except Refused as refused:
                response = refused.response()
            response.headers.update(limits(request))
            return response

        return handler


def _headers(what: str, room: Room) -> Mapping[str, str]:
    """OpenAI's names and form."""
    return {
        f"x-ratelimit-limit-{what}": str(room.limit),
        f"x-ratelimit-remaining-{what}": str(room.remaining),
        f"x-ratelimit-reset-{what}": _duration(room.reset_seconds),
    }


def _duration(seconds: float) -> str:
    """As `6m0s`, in whole seconds."""
    whole = math.ceil(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    shown = f"{whole % 60}s"
    if hours or minutes:
        shown = f"{minutes}m{shown}"
    return f"{hours}h{shown}" if hours else shown


def _unknown() -> Refused:
    return Refused(
        401,
        "A valid key is needed: send it as `Authorization: Bearer <key>`.",
        code="invalid_api_key",
        headers={"www-authenticate": "Bearer"},
    )


def _out_of_scope(key: ApiKey, scope: Scope) -> Refused:
    return Refused(
        403,
        f"The key {key.name} may not do this: it needs one with the scope {scope}.",
        code="insufficient_scope",
    )


def _too_many(room: Room) -> Refused:
    wait = max(math.ceil(room.retry_seconds), 1)
    return Refused(
        429,
        f"This key may ask {room.limit:,} times a minute: try again in {wait} s.",
        code="rate_limit_exceeded",
        headers={"retry-after": str(wait)},
    )


def _spent(room: Room) -> Refused:
    wait = max(math.ceil(room.retry_seconds), 1)
    return Refused(
        429,
        f"This key has spent its {room.limit:,} tokens of today: the next day begins in "
        f"{_duration(wait)}.",
        code="insufficient_quota",
        headers={"retry-after": str(wait)},
    )
