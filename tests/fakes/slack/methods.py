"""The Web API's methods on the workspace. Each takes its arguments and gives Slack's answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.fakes.slack import limits, pages
from tests.fakes.slack.delivery import Courier
from tests.fakes.slack.events import EventFactory
from tests.fakes.slack.refused import Refused
from tests.fakes.slack.workspace import Channel, Message, Version, Workspace

Arguments = Mapping[str, Any]
Answer = dict[str, Any]
EMOJI = frozenset({"eyes", "thumbsup", "hourglass"})  # some of those that every workspace has


class Methods:
    def __init__(self, workspace: Workspace, events: EventFactory, courier: Courier) -> None:
        self._workspace = workspace
        self._events = events
        self._courier = courier
        self.page_messages = 999  # Slack may give fewer than it is asked for
        self.table: dict[str, Callable[[Arguments], Answer]] = {
            "auth.test": self._auth_test,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "chat.delete": self._delete,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "reactions.add": self._react,
            "assistant.threads.setStatus": lambda _: {},
        }

    def _auth_test(self, _: Arguments) -> Answer:
        workspace = self._workspace
        return {
            "url": "https://fake.slack.com/",
            "team": "Fake",
            "user": "outrider",
            "team_id": workspace.team_id,
            "user_id": workspace.bot_user_id,
            "bot_id": workspace.bot_id,
            "is_enterprise_install": False,
        }

    def _post(self, arguments: Arguments) -> Answer:
        channel = self._writable(arguments)
        version = self._version(arguments, update=False)
        metadata = arguments.get("metadata")
        if limits.bad_metadata(metadata):
            raise Refused("invalid_metadata_format")
        message = self._workspace.add(
            channel.id,
            self._workspace.bot_user_id,
            version,
            thread_ts=str(arguments.get("thread_ts") or ""),
            metadata=metadata,
        )
        # Slack tells an app of its own messages too
        self._courier.deliver("events_api", self._events.message(channel, message))
        return {"channel": channel.id, "ts": message.ts, "message": message.payload()}

    def _update(self, arguments: Arguments) -> Answer:
        channel, message = self._writable(arguments), self._own(arguments, "cant_update_message")
        version = self._version(arguments, update=True)
        before = message.payload()
        message.versions.append(version)
        after = message.payload()
        self._courier.deliver("events_api", self._events.changed(channel, before, after))
        return {"channel": channel.id, "ts": message.ts, "text": version.text}

    def _delete(self, arguments: Arguments) -> Answer:
        message = self._own(arguments, "cant_delete_message")
        channel = self._workspace.channel(message.channel)
        if not channel.deletable:
            raise Refused("compliance_exports_prevent_deletion")
        message.deleted = True
        self._courier.deliver("events_api", self._events.deleted(channel, message.payload()))
        return {"channel": message.channel, "ts": message.ts}

    def _history(self, arguments: Arguments) -> Answer:
        """The newest first."""
        messages = [m for m in self._readable(arguments) if m.thread_ts in ("", m.ts)]
        since = [m for m in messages if pages.within(m.ts, arguments)]
        return pages.page(list(reversed(since)), arguments, self.page_messages)

    def _replies(self, arguments: Arguments) -> Answer:
        """The oldest first, and before all the message that the thread hangs on."""
        root = str(arguments.get("ts", ""))
        messages = [m for m in self._readable(arguments) if root in (m.ts, m.thread_ts)]
        if not messages:
            raise Refused("thread_not_found")
        since = [m for m in messages if m.ts == root or pages.within(m.ts, arguments)]
        return pages.page(since, arguments, self.page_messages)

    def _react(self, arguments: Arguments) -> Answer:
        channel, name = self._writable(arguments), str(arguments.get("name", ""))
        message = self._workspace.find(channel.id, str(arguments.get("timestamp", "")))
        if message is None:
            raise Refused("message_not_found")
        if name not in EMOJI:
            raise Refused("invalid_name")
        if name in message.reactions:
            raise Refused("already_reacted")
        message.reactions.append(name)
        return {}

    def _readable(self, arguments: Arguments) -> list[Message]:
        channel = self._channel(arguments)
        return [message for message in channel.messages.values() if not message.deleted]

    def _channel(self, arguments: Arguments) -> Channel:
        channel = self._workspace.channels.get(str(arguments.get("channel", "")))
        if channel is None:
            raise Refused("channel_not_found")
        return channel

    def _writable(self, arguments: Arguments) -> Channel:
        channel = self._channel(arguments)
        if channel.archived:
            raise Refused("is_archived")
        if not channel.has_bot:
            raise Refused("not_in_channel")
        return channel

    def _own(self, arguments: Arguments, code: str) -> Message:
        message = self._workspace.find(self._channel(arguments).id, str(arguments.get("ts", "")))
        if message is None:
            raise Refused("message_not_found")
        if message.bot_id != self._workspace.bot_id:
            raise Refused(code)
        return message

    @staticmethod
    def _version(arguments: Arguments, *, update: bool) -> Version:
        text, blocks = str(arguments.get("text") or ""), arguments.get("blocks") or []
        if code := limits.refusal(text, blocks, update=update):
            raise Refused(code)
        if arguments.get("link_names") or arguments.get("parse") == "full":
            text = re.sub(r"@(channel|here|everyone)", r"<!\1>", text)
        return Version(limits.cut(text), tuple(blocks))
