"""Settings of the HTTP server's safety, `OUTRIDER_HTTP__…`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class HttpSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        description="Names under which this server is reached, besides loopback ones and the "
        "address it listens on: `chat.example.org`, or `*.example.org` for all below it.",
    )
    max_body_bytes: int = Field(
        default=4 * 1024 * 1024, ge=64 * 1024, description="The largest request body taken in."
    )
    metrics_key: SecretStr | None = Field(
        default=None,
        description="Bearer key of `/metrics` for a Prometheus on another machine; without it only "
        "this machine may read them.",
    )
