"""Settings of the HTTP server's safety, `OUTRIDER_HTTP__…`."""

from __future__ import annotations

import ipaddress

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bots.secret_setting import SentSecret


class HttpSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        description="Names under which this server is reached, besides loopback ones and the "
        "address it listens on: `chat.example.org`, or `*.example.org` for all below it.",
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

    @field_validator("proxies", mode="before")
    @classmethod
    def one_is_a_list(cls, value: object) -> object:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator("proxies")
    @classmethod
    def are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            try:
                ipaddress.ip_network(one)
            except ValueError:
                raise ValueError(f"{one!r} is no address and no network as 10.0.0.0/8") from None
        return value
