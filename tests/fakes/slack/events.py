"""The bodies of the Events API's callbacks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from tests.fakes.slack.workspace import Channel, Message, Person, Workspace


class EventFactory:
    def __init__(self, workspace: Workspace, numbers: Iterator[int] | None = None) -> None:
        self._workspace = workspace
        self._numbers = numbers or itertools.count(1)

    def message(self, channel: Channel, message: Message) -> dict[str, Any]:
        event = message.payload() | self._place(channel, message.ts) | self._profile(message)
        return self._callback(event, channel, message.team_id)

    def app_mention(self, channel: Channel, message: Message) -> dict[str, Any]:
        event = message.payload() | self._place(channel, message.ts) | {"type": "app_mention"}
        del event["channel_type"]
        return self._callback(event | self._profile(message), channel, message.team_id)

    def changed(
        self, channel: Channel, before: dict[str, Any], after: dict[str, Any]
    ) -> dict[str, Any]:
        event = {
            "type": "message",
            "subtype": "message_changed",
            "hidden": True,
            "ts": f"{after['ts']}9",
            "message": after,
            "previous_message": before,
        }
        team = str(after.get("team", ""))
        return self._callback(event | self._place(channel, f"{after['ts']}9"), channel, team)

    def deleted(self, channel: Channel, before: dict[str, Any]) -> dict[str, Any]:
        event = {
            "type": "message",
            "subtype": "message_deleted",
            "hidden": True,
            "ts": f"{before['ts']}9",
            "deleted_ts": before["ts"],
            "previous_message": before,
        }
        team = str(before.get("team", ""))
        return self._callback(event | self._place(channel, f"{before['ts']}9"), channel, team)

    def home_opened(
        self, channel: Channel, user: str, tab: str, view: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        event = {"type": "app_home_opened", "user": user, "channel": channel.id, "tab": tab}
        if view and tab == "home":
            event["view"] = dict(view)
        return self._callback(event | {"event_ts": self._workspace.stamp()})

    def thread_started(self, message: Message, user: str, context: str) -> dict[str, Any]:
        """The legacy assistant view; `context` is the channel that the person looks at."""
        looked_at = {"channel_id": context, "team_id": self._workspace.team_id} if context else {}
        thread = {
            "user_id": user,
            "context": looked_at,
            "channel_id": message.channel,
            "thread_ts": message.ts,
        }
        event = {"type": "assistant_thread_started", "assistant_thread": thread}
        return self._callback(event | {"event_ts": message.ts})

    def uninstalled(self) -> dict[str, Any]:
        return self._callback({"type": "app_uninstalled", "event_ts": self._workspace.stamp()})

    def tokens_revoked(self) -> dict[str, Any]:
        tokens = {"oauth": [], "bot": [self._workspace.bot_user_id]}
        event = {"type": "tokens_revoked", "tokens": tokens}
        return self._callback(event | {"event_ts": self._workspace.stamp()})

    def _profile(self, message: Message) -> dict[str, Any]:
        """Slack adds the profile of those whom the workspace doesn't know."""
        if not message.team_id:
            return {}
        person: Person = self._workspace.people[message.user]
        return {"user_profile": person.payload(self._workspace.team_id)["profile"]}

    def _place(self, channel: Channel, event_ts: str) -> dict[str, Any]:
        return {"channel": channel.id, "channel_type": channel.kind, "event_ts": event_ts}

    def _callback(
        self, event: dict[str, Any], channel: Channel | None = None, from_team: str = ""
    ) -> dict[str, Any]:
        """An outsider's event carries his team; ours stands in `authorizations`."""
        number = next(self._numbers)
        workspace = self._workspace
        installed = {"team_id": workspace.team_id, "user_id": workspace.bot_user_id}
        return {
            "token": "fake",
            "team_id": from_team or workspace.team_id,
            "context_team_id": workspace.team_id,
            "api_app_id": "A0FAKE",
            "type": "event_callback",
            "event_id": f"Ev{number:08d}",
            "event_time": int(float(event["event_ts"])),
            "event": event,
            "authorizations": [installed | {"enterprise_id": None, "is_bot": True}],
            "is_ext_shared_channel": bool(channel and channel.is_ext_shared),
        }
