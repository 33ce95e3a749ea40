"""Our app at Slack's OAuth: where a person is sent, and what the code is worth that comes back."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlencode

import aiohttp
from pydantic import SecretStr

from assistant.errors import ChannelError
from bots.slack.client import call, client_of
from bots.slack.install.grant import Grant, InstallRefused, granted_token, parse_grant
from bots.slack.install.scopes import SCOPES
from bots.slack.settings import SlackSettings

# Slack gives a workspace's token again when it is asked again: the one of the settings stays.
GIVEN_BACK = frozenset({"unlisted", "organisation", "rotating"})


@dataclass(frozen=True, slots=True)
class OAuthApp:
    settings: SlackSettings
    client_id: str
    client_secret: SecretStr
    redirect_url: str
    session: aiohttp.ClientSession

    def address(self, state: str) -> str:
        """Slack's page, which asks the person."""
        asked = {
            "client_id": self.client_id,
            "scope": ",".join(SCOPES),
            "redirect_uri": self.redirect_url,
            "state": state,
        }
        return f"{self.settings.base_url}/oauth/v2/authorize?{urlencode(asked)}"

    async def exchange(self, code: str, home: str = "") -> Grant:
        """The secret goes in a header. `home`: the workspace of the token in the settings. Raises
        ChannelError, and InstallRefused for a grant that is not taken."""
        client = client_of(self.settings, None, self.session)
        answer = await call(
            client.oauth_v2_access,
            repeatable=False,
            client_id=self.client_id,
            client_secret=self.client_secret.get_secret_value(),
            code=code,
            redirect_uri=self.redirect_url,
        )
        try:
            return parse_grant(answer, self.settings.workspaces, home)
        except InstallRefused as refused:
            if refused.outcome in GIVEN_BACK:
                await self._give_back(granted_token(answer))
            raise

    async def _give_back(self, token: SecretStr | None) -> None:
        """A token that nobody uses is one more that can be stolen."""
        if token is not None:
            client = client_of(self.settings, token, self.session)
            with suppress(ChannelError):
                await call(client.auth_revoke)
