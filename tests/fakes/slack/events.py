"""The bodies that Slack sends: Events API callbacks and block actions."""

from __future__ import annotations

import itertools
from typing import Any

from tests.fakes.slack.workspace import Channel, Message, Workspace


class EventFactory:
    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._numbers = itertools.count(1)

    def message(self, channel: Channel, message: Message) -> dict[str, Any]:
        return self._callback(message.payload() | self._place(channel, message.ts))

    def app_mention(self, channel: Channel, message: Message) -> dict[str, Any]:
        event = message.payload() | self._place(channel, message.ts) | {"type": "app_mention"}
        del event["channel_type"]
        return self._callback(event)

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
        return self._callback(event | self._place(channel, f"{after['ts']}9"))

    def deleted(self, channel: Channel, before: dict[str, Any]) -> dict[str, Any]:
        event = {
            "type": "message",
            "subtype": "message_deleted",
            "hidden": True,
            "ts": f"{before['ts']}9",
            "deleted_ts": before["ts"],
            "previous_message": before,
        }
        return self._callback(event | self._place(channel, f"{before['ts']}9"))

    def pressed(self, message: Message, action_id: str, user: str) -> dict[str, Any]:
        button = message.now.button(action_id)
        if button is None:
            raise LookupError(f"The message {message.ts} has no button {action_id!r} now.")
        return {
            "type": "block_actions",
            "user": {"id": user, "username": user.lower(), "team_id": self._workspace.team_id},
            "api_app_id": "A0FAKE",
            "container": {
                "type": "message",
                "message_ts": message.ts,
                "channel_id": message.channel,
                "is_ephemeral": False,
            },
            "team": {"id": self._workspace.team_id, "domain": "fake"},
            "channel": {"id": message.channel, "name": "fake"},
            "message": message.payload(),
            "actions": [dict(button) | {"action_ts": message.ts}],
        }

    def _place(self, channel: Channel, event_ts: str) -> dict[str, Any]:
        return {"channel": channel.id, "channel_type": channel.kind, "event_ts": event_ts}

    def _callback(self, event: dict[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        return {
            "token": "fake",
            "team_id": self._workspace.team_id,
            "api_app_id": "A0FAKE",
            "type": "event_callback",
            "event_id": f"Ev{number:08d}",
            "event_time": int(float(event["event_ts"])),
            "event": event,
            "authorizations": [{"user_id": self._workspace.bot_user_id, "is_bot": True}],
        }
