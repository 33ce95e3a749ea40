"""What an operator sets for the Slack account of the environment."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from assistant.messages import Access

_ID = re.compile(r"[TECGDUW][A-Z0-9]+")


class SlackSettings(BaseModel):
    """`OUTRIDER_SLACK__*`. Slack is off without a bot token."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bot_token: SecretStr | None = Field(None, description="Bot token of the app (xoxb-…).")
    app_token: SecretStr | None = Field(
        None, description="App-level token with connections:write (xapp-…): turns Socket Mode on."
    )
    signing_secret: SecretStr | None = Field(
        None, description="Signing secret of the app: turns POST /webhooks/slack on."
    )
    access: Access = Field(
        "open",
        description="Who may talk to the bot: the people of the workspace, those on the "
        "allow-list, or whom an admin of the workspace paired.",
    )
    allowlist: tuple[str, ...] = Field(
        (),
        description="Ids of people (U…, W…) who may talk to the bot, of channels (C…, G…) in which "
        "everybody may, and of workspaces (T…) whose people may.",
    )
    outsiders: bool = Field(
        False,
        description="Answer people of other workspaces, who come by Slack Connect, too.",
    )
    base_url: str = Field(
        "https://slack.com", description="Root of the server to which /api/ is added."
    )

    @field_validator("bot_token", "app_token", "signing_secret", mode="before")
    @classmethod
    def empty_is_none(cls, value: object) -> object:
        given = value.get_secret_value() if isinstance(value, SecretStr) else value
        return None if isinstance(given, str) and not given.strip() else value

    @field_validator("allowlist", mode="before")
    @classmethod
    def ids_as_list(cls, value: object) -> object:
        """`U1, C2` and one id alone are lists as well."""
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator("allowlist")
    @classmethod
    def are_ids(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if strange := [one for one in value if not _ID.fullmatch(one)]:
            raise ValueError(
                f"{strange[0]!r} is no id of Slack's: these begin with U, W, C, G or T and stand "
                "under a profile's or a channel's details"
            )
        return value

    @field_validator("base_url")
    @classmethod
    def is_a_root(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")

    @property
    def api_url(self) -> str:
        return self.base_url + "/api/"
