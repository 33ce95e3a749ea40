"""A Slack workspace in memory: channels, people, and messages with every version they had."""

from __future__ import annotations

import copy
import itertools
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_CALLS = re.compile(r"<(!channel|!here|!everyone|!group|!subteam\^\w+|@[UW]\w+)")


@dataclass(frozen=True, slots=True)
class Version:
    text: str
    blocks: tuple[Mapping[str, Any], ...] = ()

    @property
    def markdown(self) -> str:
        """What people read: the markdown blocks, or the text where there are none."""
        parts = [str(block["text"]) for block in self.blocks if block.get("type") == "markdown"]
        return "\n".join(parts) or self.text

    @property
    def calls(self) -> list[str]:
        """Whom this would have called: broadcasts, groups, people."""
        return _CALLS.findall(f"{self.text}\n{self.markdown}")

    def button(self, action_id: str) -> Mapping[str, Any] | None:
        for block in self.blocks:
            for element in block.get("elements", ()):
                if element.get("action_id") == action_id:
                    return dict(element)
        return None


@dataclass(slots=True)
class Message:
    channel: str
    ts: str
    user: str
    versions: list[Version]
    thread_ts: str = ""
    bot_id: str = ""
    metadata: Mapping[str, Any] | None = None
    deleted: bool = False
    reactions: list[str] = field(default_factory=list)  # the bot's

    @property
    def now(self) -> Version:
        return self.versions[-1]

    def payload(self, *, with_metadata: bool = False) -> dict[str, Any]:
        """The message as Slack shows it in events and answers."""
        body: dict[str, Any] = {"type": "message", "ts": self.ts, "user": self.user}
        body["text"] = self.now.text
        if self.now.blocks:
            body["blocks"] = copy.deepcopy(list(self.now.blocks))
        if self.thread_ts:
            body["thread_ts"] = self.thread_ts
        if self.bot_id:
            body |= {"bot_id": self.bot_id, "app_id": "A0FAKE"}
        if len(self.versions) > 1:
            body["edited"] = {"user": self.user, "ts": self.ts}
        if with_metadata and self.metadata:
            body["metadata"] = copy.deepcopy(dict(self.metadata))
        return body


@dataclass(slots=True)
class Channel:
    id: str
    kind: str = "channel"  # Slack's channel_type: channel, group, im
    has_bot: bool = True
    archived: bool = False
    deletable: bool = True  # False: compliance exports are on
    messages: dict[str, Message] = field(default_factory=dict)


class Workspace:
    team_id = "T0FAKE"
    bot_user_id = "U0BOT"
    bot_id = "B0BOT"

    def __init__(self) -> None:
        self.channels: dict[str, Channel] = {}
        self._stamps = self._ticking()

    def channel(self, channel_id: str) -> Channel:
        """A channel by its id, made on first use; one that begins with D is a direct message."""
        kind = "im" if channel_id.startswith("D") else "channel"
        return self.channels.setdefault(channel_id, Channel(channel_id, kind))

    def add(
        self,
        channel_id: str,
        user: str,
        version: Version,
        *,
        thread_ts: str = "",
        metadata: Mapping[str, Any] | None = None,
        bot_id: str = "",
    ) -> Message:
        if user == self.bot_user_id:
            bot_id = self.bot_id
        ts = next(self._stamps)
        message = Message(channel_id, ts, user, [version], thread_ts, bot_id, metadata)
        self.channel(channel_id).messages[ts] = message
        return message

    def find(self, channel_id: str, ts: str) -> Message | None:
        channel = self.channels.get(channel_id)
        message = channel.messages.get(ts) if channel else None
        return None if message is None or message.deleted else message

    @staticmethod
    def _ticking() -> Iterator[str]:
        started = int(time.time())
        return (f"{started}.{number:06d}" for number in itertools.count(100))
