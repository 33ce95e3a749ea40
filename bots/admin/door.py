"""The door of the dashboard: who is signed in, and what each route asks of them.

Every route says its role by `needs(...)`; one that doesn't is refused when the routes are put
together (`app.py`). Whatever changes something carries the sign-in's token besides the cookie.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, Request
from starlette.responses import Response

from assistant.roles import Role
from assistant.storage.admins import LONGEST_SECONDS, Admin, Admins
from assistant.storage.audit import Actor
from bots.admin.faults import Fault, NotSignedIn
from bots.admin.form import fields_of

COOKIE = "outrider_admin"
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who asks. `csrf` goes into every form; `token` is the cookie, for this sign-in alone."""

    admin: Admin
    token: str
    address: str

    @property
    def actor(self) -> Actor:
        return Actor("admin", self.admin.id, self.admin.name, self.address)

    @property
    def csrf(self) -> str:
        return csrf_of(self.token)

    def may(self, role: Role) -> bool:
        return self.admin.may(role)


@dataclass(frozen=True, slots=True)
class AdminDoor:
    admins: Admins

    async def enter(self, request: Request) -> None:
        """Before each route (`AdminRoute`): finds who is signed in, and holds a change to the
        token of the form."""
        token = request.cookies.get(COOKIE, "")
        admin = await self.admins.of_session(token) if token else None
        request.state.signed_in = SignedIn(admin, token, address_of(request)) if admin else None
        if admin is not None and request.method not in _SAFE:
            given = request.headers.get(CSRF_HEADER) or _field(await request.body())
            if not hmac.compare_digest(given.encode(), csrf_of(token).encode()):
                raise Fault(403, "shell.stale_form")


@dataclass(frozen=True, slots=True)
class Needs:
    """A route's demand, as a dependency; yields who asks."""

    role: Role

    def __call__(self, request: Request) -> SignedIn:
        signed_in: SignedIn | None = request.state.signed_in
        if signed_in is None:
            raise NotSignedIn
        if not signed_in.may(self.role):
            raise Fault(403, "shell.not_allowed", role=self.role)
        return signed_in


def needs(role: Role) -> Any:
    """`admin: Annotated[SignedIn, needs("operator")]` in a route's signature."""
    return Depends(Needs(role))


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""


def csrf_of(token: str) -> str:
    """Only who knows the cookie can tell it; the cookie can't be told from it."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def over_tls(request: Request) -> bool:
    """Whether the browser came by https, also to a proxy that ends it and isn't known as one: its
    Origin, which was compared with our name, still says so."""
    return request.url.scheme == "https" or request.headers.get("origin", "").startswith("https://")


def keep(response: Response, token: str, *, secure: bool) -> None:
    """Give the cookie of a sign-in to the browser. `secure`: it came by https."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=LONGEST_SECONDS,
        path="/admin",
        httponly=True,
        samesite="lax",
        secure=secure,
    )


def _field(body: bytes) -> str:
    return fields_of(body).get(CSRF_FIELD, [""])[0]
