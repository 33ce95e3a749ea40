"""What the claims of a provider say: who it is, and what their groups are worth. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assistant.roles import ROLES, Role
from bots.admin.oidc.settings import OidcSettings

NAME_CHARACTERS = 100
_NAMES = ("preferred_username", "email", "name")


@dataclass(frozen=True, slots=True)
class Identity:
    """`subject`: the issuer and its id of them, which no other has and which never changes.
    `groups` None: the provider said nothing of them."""

    subject: str
    name: str
    groups: frozenset[str] | None


def identity_of(issuer: str, claims: Mapping[str, Any], groups_claim: str) -> Identity:
    """Of claims whose token was found to be right."""
    sub = str(claims["sub"])
    named = (_printable(claims.get(one)) for one in _NAMES)
    name = next((one for one in named if one), _printable(sub))
    return Identity(f"{issuer}#{sub}", name, groups_of(claims, groups_claim))


def groups_of(claims: Mapping[str, Any], claim: str) -> frozenset[str] | None:
    """A claim of that whole name first (some are addresses, with dots), else a path of names."""
    found: Any = claims.get(claim)
    if found is None:
        found = claims
        for part in claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return frozenset({found})
    if isinstance(found, list):
        return frozenset(one for one in found if isinstance(one, str))
    return None


def role_of(groups: frozenset[str] | None, settings: OidcSettings) -> Role | None:
    """The highest that one of the groups is worth; None for who is in none of them."""
    known = groups or frozenset()
    return next((one for one in reversed(ROLES) if known & set(settings.groups_of(one))), None)


def _printable(value: object) -> str:
    text = value if isinstance(value, str) else ""
    return "".join(one for one in text if one.isprintable()).strip()[:NAME_CHARACTERS]
