"""One call of a Web API method: who calls, with what, and the checks that many methods share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.fakes.slack.events import EventFactory
from tests.fakes.slack.refused import Refused
from tests.fakes.slack.state import State
from tests.fakes.slack.workspace import Channel, Message, Workspace


@dataclass(frozen=True, slots=True)
class Asked:
    state: State
    workspace: Workspace
    arguments: Mapping[str, Any]
    token: str = ""

    @property
    def events(self) -> EventFactory:
        return self.state.events_of[self.workspace.team_id]

    def tell(self, body: dict[str, Any]) -> None:
        self.state.tell(self.workspace, body)

    def text(self, name: str) -> str:
        return str(self.arguments.get(name) or "")

    def flag(self, name: str) -> bool:
        return str(self.arguments.get(name, "")) in ("1", "true", "True")

    def required(self, *names: str) -> None:
        if missing := [name for name in names if not self.arguments.get(name)]:
            words = [f"missing required field: {name}" for name in missing]
            raise Refused("invalid_arguments", words)

    def channel(self, name: str = "channel") -> Channel:
        channel = self.workspace.channels.get(self.text(name))
        if channel is None:
            raise Refused("channel_not_found")
        return channel

    def writable(self) -> Channel:
        channel = self.channel()
        if channel.archived:
            raise Refused("is_archived")
        if not channel.has_bot:
            raise Refused("not_in_channel")
        return channel

    def own(self, code: str) -> Message:
        """The message of ours that `channel` and `ts` name."""
        message = self.workspace.find(self.channel().id, self.text("ts"))
        if message is None:
            raise Refused("message_not_found")
        if message.bot_id != self.workspace.bot_id:
            raise Refused(code)
        return message


Answer = dict[str, Any]
Method = Callable[[Asked], Answer]
