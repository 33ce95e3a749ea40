"""The ways into the dashboard put together: a password, a code after it, and the provider."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from redis.asyncio import Redis

from assistant.storage.admins import Admins
from assistant.storage.audit import AuditLog
from assistant.storage.database import Database
from assistant.storage.oidc_admins import OidcAdmins
from assistant.storage.second_factors import SecondFactors
from bots.admin.known_browsers import KnownBrowsers
from bots.admin.oidc.pages import LIFE_SECONDS, OidcPages
from bots.admin.oidc.provider import Provider
from bots.admin.own_password import OwnPassword
from bots.admin.passwords import PasswordDesk
from bots.admin.pending import Pending
from bots.admin.second_factor.codes import Codes
from bots.admin.second_factor.own import OwnSecondFactor
from bots.admin.second_factor.signin_step import SignInStep
from bots.admin.shell import Shell
from bots.admin.signin import SignIn, signin_pages
from bots.http.throttle import Throttle
from bots.seal import Seal

# What stands open before anybody has signed in, where there is a provider.
OPEN = frozenset(
    {"/admin/login", "/admin/login/code", "/admin/login/oidc", "/admin/login/oidc/callback"}
)
CODE_SECONDS = 300  # between the right password and the code


@dataclass(frozen=True, slots=True)
class SignInParts:
    """`seal` keeps what codes come from; `provider` None: nobody signs in by another."""

    redis: Redis
    seal: Seal
    provider: Provider | None = None


@dataclass(frozen=True, slots=True)
class WaysIn:
    routers: Sequence[APIRouter]
    password: OwnPassword


def ways_in(
    shell: Shell,
    admins: Admins,
    audit: AuditLog,
    database: Database,
    clock: Callable[[], float],
    parts: SignInParts,
) -> WaysIn:
    throttle, desk = Throttle(clock), PasswordDesk()
    provider = parts.provider
    signin = SignIn(
        shell=shell,
        admins=admins,
        audit=audit,
        throttle=throttle,
        desk=desk,
        half_way=Pending(parts.redis, "code", CODE_SECONDS),
        known=KnownBrowsers(parts.seal),
        provider=provider.host if provider else "",
    )
    password = OwnPassword(admins, desk, throttle)
    codes = Codes(SecondFactors(database), parts.seal, clock)
    routers = [
        signin_pages(signin),
        SignInStep(signin, codes).router(),
        OwnSecondFactor(shell, codes, parts.seal, password).router(),
    ]
    if provider is not None:
        pending = Pending(parts.redis, "oidc", LIFE_SECONDS)
        pages = OidcPages(provider, pending, OidcAdmins(database), signin)
        routers.append(pages.router())
    return WaysIn(routers, password)
