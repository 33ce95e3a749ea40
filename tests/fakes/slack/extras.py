"""What people tell of themselves, files of bots, words for one person, and slash commands."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fakes.slack.refused import Refused
from tests.fakes.slack.workspace import Message

if TYPE_CHECKING:
    from tests.fakes.slack.delivery import Delivery
    from tests.fakes.slack.server import FakeSlack

Arguments = Mapping[str, Any]
Answer = dict[str, Any]


@dataclass(slots=True)
class SharedFile:
    """A file that a bot gave; in no chat until it is completed."""

    id: str
    name: str
    length: int
    content: bytes | None = None
    channel: str = ""
    thread_ts: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Whisper:
    """What one person alone sees."""

    channel: str
    user: str
    text: str
    thread_ts: str


@dataclass(slots=True)
class Extras:
    slack: FakeSlack
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, SharedFile] = field(default_factory=dict)
    whispers: list[Whisper] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def add_to(self, app: web.Application, table: dict[str, Any]) -> None:
        app.router.add_post("/upload/{file_id}", self._take_bytes)
        table["users.info"] = self._user
        table["files.getUploadURLExternal"] = self._upload_url
        table["files.completeUploadExternal"] = self._complete
        table["chat.postEphemeral"] = self._whisper

    def person(self, user: str, name: str, locale: str = "en-US") -> None:
        profile = {"display_name": name, "real_name": name}
        team = self.slack.workspace.team_id
        self.users[user] = {"id": user, "team_id": team, "profile": profile, "locale": locale}

    def rate(self, message: Message, user: str, *, good: bool) -> Delivery:
        """A press of one of Slack's feedback buttons."""
        body = self.slack.events.pressed(message, "feedback", user)
        [shown] = body["actions"]
        side = "positive_button" if good else "negative_button"
        body["actions"] = [
            {"type": "feedback_buttons", "action_id": "feedback", "action_ts": shown["action_ts"]}
            | {"value": shown[side]["value"]}
        ]
        return self.slack.courier.deliver("interactive", body)

    def order(self, channel: str, user: str, text: str) -> Delivery:
        """`/outrider` and a text. What it is answered with is the delivery's `response`."""
        body = {
            "token": "fake",
            "team_id": self.slack.workspace.team_id,
            "channel_id": channel,
            "channel_name": "directmessage" if channel.startswith("D") else "fake",
            "user_id": user,
            "user_name": user.lower(),
            "command": "/outrider",
            "text": text,
            "api_app_id": "A0FAKE",
            "trigger_id": f"{next(self._numbers)}.fake",
        }
        return self.slack.courier.deliver("slash_commands", body)

    def _user(self, arguments: Arguments) -> Answer:
        user = self.users.get(str(arguments.get("user", "")))
        if user is None:
            raise Refused("user_not_found")
        asked = str(arguments.get("include_locale", "")).lower() in ("1", "true")
        return {"user": user if asked else {k: v for k, v in user.items() if k != "locale"}}

    def _upload_url(self, arguments: Arguments) -> Answer:
        name, length = str(arguments.get("filename") or ""), str(arguments.get("length") or "")
        if not name or not length.isdigit() or int(length) == 0:
            raise Refused("invalid_arguments")
        file = SharedFile(f"F{next(self._numbers):08d}", name, int(length))
        self.files[file.id] = file
        return {"upload_url": f"{self.slack.url}/upload/{file.id}", "file_id": file.id}

    async def _take_bytes(self, request: web.Request) -> web.StreamResponse:
        file, content = self.files.get(request.match_info["file_id"]), await request.read()
        if file is None or len(content) != file.length or "authorization" in request.headers:
            raise web.HTTPBadRequest
        file.content = content
        return web.Response(text=f"OK - {len(content)}")

    def _complete(self, arguments: Arguments) -> Answer:
        given = arguments.get("files") or []
        for one in json.loads(given) if isinstance(given, str) else given:
            file = self.files.get(str(one.get("id", "")))
            if file is None or file.content is None:
                raise Refused("file_not_found")
            file.channel = str(arguments.get("channel_id") or "")
            if file.channel and file.channel not in self.slack.workspace.channels:
                raise Refused("channel_not_found")
            file.thread_ts = str(arguments.get("thread_ts") or "")
            file.comment = str(arguments.get("initial_comment") or "")
        return {"files": given}

    def _whisper(self, arguments: Arguments) -> Answer:
        channel, user, text, thread_ts = (
            str(arguments.get(name) or "") for name in ("channel", "user", "text", "thread_ts")
        )
        if channel not in self.slack.workspace.channels:
            raise Refused("channel_not_found")
        if not text:
            raise Refused("no_text")
        self.whispers.append(Whisper(channel, user, text, thread_ts))
        return {"message_ts": "1.000000"}
