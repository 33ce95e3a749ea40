"""What came from Slack, by whichever way, to the assistant."""

from __future__ import annotations

import asyncio

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from assistant.channel import Channel
from assistant.errors import StorageUnavailable
from assistant.messages import Incoming
from assistant.service import Assistant
from bots.inbound import apologise, receive
from bots.slack.client import connect
from bots.slack.identity import BotIdentity
from bots.slack.parse import parse_event, parse_interaction

_log = structlog.get_logger()


class SlackInbox:
    """One account's way in. Whoever calls acknowledges only after the call returned."""

    def __init__(self, assistant: Assistant, channel: Channel, client: AsyncWebClient) -> None:
        self._assistant = assistant
        self._channel = channel
        self._client = client
        self._bot: BotIdentity | None = None
        self._asking = asyncio.Lock()

    async def connect(self) -> BotIdentity:
        """Who we are, asked once. Raises ChannelError (CredentialsRefused for a wrong token)."""
        async with self._asking:
            if self._bot is None:
                self._bot = await connect(self._client)
                _log.info("slack_connected", bot=self._bot.user_id, team=self._bot.team_id)
            return self._bot

    async def event(self, body: object) -> None:
        """An Events API body. Raises StorageUnavailable or ChannelError: don't acknowledge."""
        bot = await self.connect()
        await self._receive(parse_event(body, bot, self._channel.account))

    async def interaction(self, payload: object) -> None:
        """A button press. Raises StorageUnavailable: don't acknowledge."""
        await self._receive(parse_interaction(payload, self._channel.account))

    async def _receive(self, item: Incoming) -> None:
        try:
            await receive(self._assistant, self._channel, item)
        except StorageUnavailable:
            raise
        except Exception:
            # A fault of ours would come back with each redelivery: say it once and take it off
            _log.exception("slack_event_failed", account=self._channel.account)
            await apologise(self._channel, item)
