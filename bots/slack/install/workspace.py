"""One workspace that we are in, and the port by which what comes from Slack is taken in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from slack_sdk.web.async_client import AsyncWebClient

from assistant.messages import Arrival
from bots.slack.channel import SlackChannel
from bots.slack.identity import BotIdentity
from bots.slack.people import People


class Inbox(Protocol):
    """Whoever calls acknowledges as soon as a call returns, and not when it raises."""

    async def connect(self) -> BotIdentity | None:
        """Who we are, where that is one. Raises ChannelError: nothing can be taken in."""
        ...

    async def event(self, body: object, arrival: Arrival | None = None) -> None:
        """An Events API body. Raises StorageUnavailable or ChannelError: don't acknowledge.

        `arrival`: when it came; the caller acknowledges it.
        """
        ...

    async def interaction(self, payload: object) -> Mapping[str, Any]:
        """A press, a control, a shortcut or a form; returns what Slack is answered with, mostly
        nothing. Raises StorageUnavailable or ChannelError."""
        ...

    async def slash(self, payload: object) -> str:
        """A slash command; returns what the person alone is told. Raises StorageUnavailable."""
        ...

    async def close(self) -> None:
        """Let what is being said be said, for a moment."""
        ...


@dataclass(frozen=True, slots=True)
class Bot:
    """Our way out into a workspace."""

    client: AsyncWebClient
    channel: SlackChannel
    people: People

    @classmethod
    def of(cls, client: AsyncWebClient, account: str) -> Bot:
        people = People(client)
        return cls(client, SlackChannel(client, account=account, people=people), people)


@dataclass(frozen=True, slots=True)
class Workspace:
    """`number` is the install's, 0 for the one of the settings; `bot_id` is empty where it isn't
    known yet."""

    bot: Bot
    inbox: Inbox
    number: int = 0
    bot_id: str = ""

    @property
    def account(self) -> str:
        return self.bot.channel.account
