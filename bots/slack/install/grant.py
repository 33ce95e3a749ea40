"""What a workspace granted, as Slack's answer to a code says it; and why it isn't taken. Pure.

Source: docs.slack.dev, `oauth.v2.access`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import SecretStr

Outcome = Literal[
    "installed",
    "declined",
    "expired",
    "unlisted",
    "organisation",
    "rotating",
    "home",
    "refused",
    "away",
]

TEAM_ID = re.compile(r"T[A-Z0-9]{1,31}")


class InstallRefused(Exception):
    """Nothing was installed; `outcome` says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Grant:
    team_id: str
    team_name: str
    token: SecretStr
    scopes: str
    installed_by: str


def granted_token(answer: object) -> SecretStr | None:
    """Also of a grant that is not taken, to give it back."""
    token = _text(_mapping(answer), "access_token")
    return SecretStr(token) if token else None


def parse_grant(answer: object, workspaces: Collection[str], home: str = "") -> Grant:
    """`workspaces`: the only ones that are taken; empty: all. `home`: the one of the token in the
    settings. Raises InstallRefused."""
    fields = _mapping(answer)
    token, team = granted_token(fields), _mapping(fields.get("team"))
    team_id = _text(team, "id")
    if home and team_id == home:
        raise InstallRefused("home")
    if fields.get("is_enterprise_install") or (fields.get("enterprise") and not team):
        raise InstallRefused("organisation")
    if fields.get("refresh_token") or fields.get("expires_in"):
        raise InstallRefused("rotating")
    if token is None or _text(fields, "token_type") != "bot" or not TEAM_ID.fullmatch(team_id):
        raise InstallRefused("refused")
    if workspaces and team_id not in workspaces:
        raise InstallRefused("unlisted")
    return Grant(
        team_id,
        _text(team, "name"),
        token,
        _text(fields, "scope"),
        _text(_mapping(fields.get("authed_user")), "id"),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(mapping: Mapping[str, Any], key: str) -> str:
    """Without what the database takes no text with."""
    value = mapping.get(key)
    return value.replace("\0", "") if isinstance(value, str) else ""
