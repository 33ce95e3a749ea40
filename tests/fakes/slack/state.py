"""All that the server's parts share: the workspaces, the app, its courier, files and the clock."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.slack.clock import Clock
from tests.fakes.slack.delivery import Courier
from tests.fakes.slack.events import EventFactory
from tests.fakes.slack.files import SlackFile
from tests.fakes.slack.stream import LIFE_SECONDS
from tests.fakes.slack.workspace import Message, Workspace

APP_ID = "A0FAKE"
TRIGGER_SECONDS = 3.0


@dataclass(slots=True)
class Trigger:
    """What lets a modal be opened: once, within three seconds."""

    workspace: Workspace
    user: str
    at: float
    used: bool = False


@dataclass(slots=True)
class State:
    clock: Clock
    courier: Courier
    url: Callable[[], str]
    workspaces: dict[str, Workspace] = field(default_factory=dict)
    events_of: dict[str, EventFactory] = field(default_factory=dict)
    files: dict[str, SlackFile] = field(default_factory=dict)
    uploads: dict[str, str] = field(default_factory=dict)  # ticket → file
    triggers: dict[str, Trigger] = field(default_factory=dict)
    responses: dict[str, tuple[Workspace, str, str, Message | None]] = field(default_factory=dict)
    stream_seconds: float = LIFE_SECONDS
    page_messages: int = 999  # Slack may give fewer than it is asked for
    subscribed: frozenset[str] | None = None  # names of events as in a manifest; None: all
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def add_workspace(self, workspace: Workspace) -> None:
        self.workspaces[workspace.team_id] = workspace
        self.events_of[workspace.team_id] = EventFactory(workspace, self.numbers)

    def tell(self, workspace: Workspace, body: dict[str, Any]) -> None:
        """Send an event, where the app is installed, listens for it, and is there to hear it."""
        event = body["event"]
        channel = workspace.channels.get(str(event.get("channel")))
        is_there = channel is None or channel.has_bot
        if workspace.installed and is_there and self._is_heard(event):
            self.courier.deliver("events_api", body)

    def _is_heard(self, event: dict[str, Any]) -> bool:
        name = str(event["type"])
        if name == "message":
            kinds = {"channel": "channels", "group": "groups"}
            kind = str(event.get("channel_type", "channel"))
            name = f"message.{kinds.get(kind, kind)}"
        return self.subscribed is None or name in self.subscribed

    def add_file(self, name: str, content: bytes, mimetype: str, user: str) -> SlackFile:
        number = next(self.numbers)
        file_id = f"F{number:08d}"
        url = f"{self.url()}/files-pri/{file_id}/{name.replace('/', '_')}"
        self.files[file_id] = SlackFile(file_id, name, content, mimetype, user, url)
        return self.files[file_id]

    def trigger(self, workspace: Workspace, user: str) -> str:
        trigger_id = f"{next(self.numbers)}.{uuid.uuid4().hex}"
        self.triggers[trigger_id] = Trigger(workspace, user, self.clock())
        return trigger_id

    def response_url(
        self, workspace: Workspace, channel: str, user: str, message: Message | None = None
    ) -> str:
        ticket = uuid.uuid4().hex
        self.responses[ticket] = (workspace, channel, user, message)
        return f"{self.url()}/response/{ticket}"
