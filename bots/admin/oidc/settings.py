"""What an operator sets for signing in by another, `OUTRIDER_ADMIN__OIDC__…`."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from assistant.roles import ROLES, Role
from bots.http.hosts import is_loopback

CALLBACK = "/admin/login/oidc/callback"


class OidcSettings(BaseModel):
    """Off without an issuer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str | None = Field(
        None,
        description="Turns on signing in to `/admin` by another (OpenID Connect): the provider's "
        "https address, as its tokens say it.",
    )
    client_id: str | None = Field(None, description="Outrider's client id at the provider.")
    client_secret: SecretStr | None = Field(
        None, description="Its secret; without it Outrider is a public client, with PKCE alone."
    )
    redirect_url: str | None = Field(
        None,
        description=f"The address of `{CALLBACK}` as it is registered at the provider; without it "
        "that of the server's name in the browser.",
    )
    scopes: tuple[str, ...] = Field(
        ("openid", "profile", "email"),
        description="What is asked for; some providers give groups for a scope `groups` only.",
    )
    groups_claim: str = Field(
        "groups",
        min_length=1,
        description="Where the groups stand, in the ID token or else the user info; a path with "
        "dots for what stands inside another claim.",
    )
    admin_groups: tuple[str, ...] = Field((), description="Groups whose people are admins.")
    operator_groups: tuple[str, ...] = Field((), description="Groups whose people are operators.")
    viewer_groups: tuple[str, ...] = Field(
        (), description="Groups whose people are viewers. Who is in no group is refused."
    )

    @field_validator("issuer", "client_id", "client_secret", "redirect_url", mode="before")
    @classmethod
    def empty_is_none(cls, value: object) -> object:
        given = value.get_secret_value() if isinstance(value, SecretStr) else value
        return None if isinstance(given, str) and not given.strip() else value

    @field_validator("scopes", "admin_groups", "operator_groups", "viewer_groups", mode="before")
    @classmethod
    def one_is_a_list(cls, value: object) -> object:
        """A name may hold spaces, so that commas alone divide."""
        given = value.split(",") if isinstance(value, str) else value
        if not isinstance(given, list | tuple):
            return (str(given),)
        return tuple(str(one).strip() for one in given if str(one).strip())

    @field_validator("issuer", "redirect_url")
    @classmethod
    def is_safe(cls, value: str | None) -> str | None:
        if value is not None and not is_safe_address(value):
            raise ValueError("must begin with https:// (http:// only for this machine itself)")
        return value

    @model_validator(mode="after")
    def is_whole(self) -> Self:
        if self.issuer is None:
            return self
        if self.client_id is None:
            raise ValueError("client_id is needed besides the issuer")
        if not any(self.groups_of(role) for role in ROLES):
            raise ValueError(
                "nobody could sign in: name groups in admin_groups, operator_groups or "
                "viewer_groups"
            )
        if "openid" not in self.scopes:
            raise ValueError("scopes must hold openid")
        return self

    def groups_of(self, role: Role) -> tuple[str, ...]:
        known = {
            "admin": self.admin_groups,
            "operator": self.operator_groups,
            "viewer": self.viewer_groups,
        }
        return known[role]


def is_safe_address(address: str) -> bool:
    """Whether nobody on the way could read or change what goes there."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    host = parts.hostname or ""
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    )
