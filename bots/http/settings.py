"""Settings of the HTTP server's safety, `OUTRIDER_HTTP__…`."""

from __future__ import annotations

import ipaddress
import re

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bots.listed import listed
from bots.secret_setting import SentSecret

_HOST = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.IGNORECASE)


class HttpSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        description="Names under which this server is reached, besides loopback ones and the "
        "address it listens on: `chat.example.org`, or `*.example.org` for all below it. One that "
        "other machines use needs `OUTRIDER_ADMIN__PASSWORD`.",
    )
    proxies: tuple[str, ...] = Field(
        default=(),
        description="Addresses or networks of the proxies before this server, besides this "
        "machine itself, whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.",
    )
    max_body_bytes: int = Field(
        default=4 * 1024 * 1024, ge=64 * 1024, description="The largest request body taken in."
    )
    metrics_key: SentSecret = Field(
        default=None,
        description="Bearer key of `/metrics` for a Prometheus on another machine; without it only "
        "this machine may read them.",
    )

    @field_validator("allowed_hosts", "proxies", mode="before")
    @classmethod
    def one_is_a_list(cls, value: object) -> object:
        return listed(value)

    @field_validator("allowed_hosts")
    @classmethod
    def are_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """As they are compared: without a port, which may be the proxy's, and without brackets."""
        return tuple(_host(one) for one in value)

    @field_validator("proxies")
    @classmethod
    def are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            try:
                ipaddress.ip_network(one)
            except ValueError:
                raise ValueError(f"{one!r} is no address and no network as 10.0.0.0/8") from None
        return value


def _host(given: str) -> str:
    name = given.removeprefix("[").removesuffix("]").removesuffix(".")
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        if _HOST.fullmatch(name):
            return name
    raise ValueError(
        f"{given!r} is no name of a server: write it as chat.example.org, without https://, port "
        "and path, or as *.example.org for all below it"
    )
