"""What an operator sets for Slack: the account of the environment, and the app's own installs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from assistant.messages import Access
from bots.http.hosts import is_loopback
from bots.listed import listed
from bots.seal import is_key
from bots.secret_setting import SentSecret
from bots.slack.install.grant import TEAM_ID

REDIRECT_PATH = "/slack/oauth_redirect"
_ID = re.compile(r"[TECGDUW][A-Z0-9]+")


class SlackSettings(BaseModel):
    """`OUTRIDER_SLACK__*`. Slack is off without a bot token, where no workspace may install it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bot_token: SentSecret = Field(None, description="Bot token of the app (xoxb-…).")
    app_token: SentSecret = Field(
        None, description="App-level token with connections:write (xapp-…): turns Socket Mode on."
    )
    signing_secret: SentSecret = Field(
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
    client_id: str | None = Field(
        None,
        description="Client id of the app: with the four below, further workspaces install it at "
        "/slack/install.",
    )
    client_secret: SentSecret = Field(None, description="Client secret of the app.")
    redirect_url: str | None = Field(
        None,
        description=f"The public https address of {REDIRECT_PATH}, as it stands in the app's "
        "redirect URLs.",
    )
    token_keys: tuple[SecretStr, ...] = Field(
        (),
        description="Keys that the workspaces' tokens are stored under: the first seals, all of "
        "them open. `outrider slack key` makes one.",
    )
    workspaces: tuple[str, ...] = Field(
        (),
        description="Ids (T…) of the workspaces that may install the app. Empty: each, after the "
        "sign-in, so that a password must be set.",
    )
    base_url: str = Field(
        "https://slack.com", description="Root of the server to which /api/ is added."
    )

    @field_validator("client_id", "redirect_url", mode="before")
    @classmethod
    def empty_is_none(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("allowlist", "token_keys", "workspaces", mode="before")
    @classmethod
    def one_is_a_list(cls, value: object) -> object:
        """`U1, C2` and one id alone are lists as well."""
        return listed(value)

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

    @field_validator("token_keys")
    @classmethod
    def are_keys(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not all(is_key(one.get_secret_value()) for one in value):
            raise ValueError("must be keys as 'outrider slack key' makes them")
        return value

    @field_validator("workspaces")
    @classmethod
    def are_workspaces(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(map(TEAM_ID.fullmatch, value)):
            raise ValueError("must be ids of workspaces, which begin with T")
        return value

    @field_validator("redirect_url")
    @classmethod
    def leads_back(cls, value: str | None) -> str | None:
        """Slack sends a code there; over the open net nobody else may read it."""
        if value is None:
            return None
        parts = urlsplit(value)
        safe = parts.scheme == "https" or is_loopback(parts.hostname or "")
        if not safe or parts.path != REDIRECT_PATH or parts.query or parts.fragment:
            raise ValueError(f"must begin with https:// and end in {REDIRECT_PATH}")
        return value

    @property
    def api_url(self) -> str:
        return self.base_url + "/api/"

    @property
    def installs(self) -> bool:
        """Whether further workspaces are meant to install the app."""
        return self.client_id is not None or self.client_secret is not None

    def fault(self, password: SecretStr | None) -> str:
        """What keeps Slack from starting, as a sentence that says what to do; mostly empty."""
        if self.bot_token is None and not self.installs:
            return ""
        if self.app_token is None and self.signing_secret is None:
            name = "CLIENT_ID" if self.bot_token is None else "BOT_TOKEN"
            return (
                f"OUTRIDER_SLACK__{name} alone lets nothing in: set OUTRIDER_SLACK__APP_TOKEN "
                "(Socket Mode) or OUTRIDER_SLACK__SIGNING_SECRET (HTTP events) as well."
            )
        if self.access == "open" and self.allowlist:
            return (
                "Everybody in the workspace may talk, so OUTRIDER_SLACK__ALLOWLIST keeps nobody "
                "out: set OUTRIDER_SLACK__ACCESS=allowlist, or take the list away."
            )
        return self._fault_of_installs(password) if self.installs else ""

    def _fault_of_installs(self, password: SecretStr | None) -> str:
        needed: Mapping[str, object] = {
            "CLIENT_ID": self.client_id,
            "CLIENT_SECRET": self.client_secret,
            "REDIRECT_URL": self.redirect_url,
            "TOKEN_KEYS": self.token_keys,
        }
        missing = [f"OUTRIDER_SLACK__{name}" for name, value in needed.items() if not value]
        if missing:
            return (
                f"Workspaces can't install the app without {' and '.join(missing)}: set what is "
                "missing, or remove OUTRIDER_SLACK__CLIENT_ID and OUTRIDER_SLACK__CLIENT_SECRET."
            )
        if not self.workspaces and password is None:
            return (
                "Anybody could add their workspace: set OUTRIDER_SLACK__WORKSPACES to the ids of "
                "those that may install the app, or OUTRIDER_ADMIN__PASSWORD."
            )
        return ""
