"""A Slack workspace in memory: channels, people, and messages with every version they had."""

from __future__ import annotations

import copy
import itertools
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.slack.files import SlackFile
from tests.fakes.slack.stream import Stream

_CALLS = re.compile(r"<(!channel|!here|!everyone|!group|!subteam\^\w+|@[UW]\w+)")
_BROADCASTS = ("!channel", "!here", "!everyone", "!group")
STATUS_SECONDS = 120.0  # Slack takes a status away when nothing was sent for so long


@dataclass(frozen=True, slots=True)
class Version:
    """`at`: when it came to stand there, in the wall's time."""

    text: str
    blocks: tuple[Mapping[str, Any], ...] = ()
    streamed: str = ""
    at: float = field(default_factory=time.time, compare=False)

    @property
    def markdown(self) -> str:
        """What people read: what was streamed and the markdown blocks, or else the text."""
        parts = [str(block["text"]) for block in self.blocks if block.get("type") == "markdown"]
        return "\n".join([self.streamed, *parts] if self.streamed else parts) or self.text

    @property
    def calls(self) -> list[str]:
        """Whom this would have called: broadcasts, groups, people."""
        return _CALLS.findall(f"{self.text}\n{self.markdown}")

    @property
    def broadcasts(self) -> list[str]:
        """The calls that wake everybody; in any block, not in the text alone."""
        everything = f"{self.text}\n{self.streamed}\n{list(self.blocks)}"
        calls = dict.fromkeys(_CALLS.findall(everything))
        return [one for one in calls if one in _BROADCASTS or one.startswith("!subteam")]

    def button(self, action_id: str) -> Mapping[str, Any] | None:
        for block in self.blocks:
            elements = [*block.get("elements", ()), block.get("accessory") or {}]
            for element in elements:
                if element.get("action_id") == action_id:
                    return dict(element) | {"block_id": block.get("block_id", "")}
        return None


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A message of the bot that called everybody."""

    channel: str
    ts: str
    who: str


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
    team_id: str = ""  # the sender's, where it is another than the workspace's
    subtype: str = ""
    client_msg_id: str = ""
    files: list[SlackFile] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)
    stream: Stream | None = None
    edits: int = 0

    @property
    def now(self) -> Version:
        return self.versions[-1]

    def edit(self, version: Version) -> None:
        self.versions.append(version)
        self.edits += 1

    def payload(self, *, with_metadata: bool = False) -> dict[str, Any]:
        """The message as Slack shows it in events and answers."""
        body: dict[str, Any] = {"type": "message", "ts": self.ts, "user": self.user}
        body["text"] = self.now.text
        for name in ("subtype", "client_msg_id", "thread_ts"):
            if value := getattr(self, name):
                body[name] = value
        if self.now.blocks:
            body["blocks"] = copy.deepcopy(list(self.now.blocks))
        if self.attachments:
            body["attachments"] = copy.deepcopy(self.attachments)
        if self.files:
            body["files"] = [one.payload() for one in self.files]
        if self.team_id:
            body |= {"team": self.team_id, "user_team": self.team_id, "source_team": self.team_id}
        if self.bot_id:
            body |= {"bot_id": self.bot_id, "app_id": "A0FAKE"}
        if self.edits:
            body["edited"] = {"user": self.user, "ts": self.ts}
        if self.reactions:
            body["reactions"] = [{"name": one, "count": 1, "users": []} for one in self.reactions]
        if with_metadata and self.metadata:
            body["metadata"] = copy.deepcopy(dict(self.metadata))
        return body


@dataclass(slots=True)
class Channel:
    id: str
    kind: str = "channel"  # Slack's channel_type: channel, group, im, mpim
    has_bot: bool = True
    archived: bool = False
    deletable: bool = True  # False: compliance exports are on
    messages: dict[str, Message] = field(default_factory=dict)
    name: str = ""
    is_ext_shared: bool = False  # by Slack Connect
    takes_streams: bool = True

    def payload(self) -> dict[str, Any]:
        body: dict[str, Any] = {"id": self.id, "is_archived": self.archived}
        body |= {f"is_{kind}": self.kind == kind for kind in ("channel", "group", "im", "mpim")}
        body |= {"is_private": self.kind != "channel", "is_ext_shared": self.is_ext_shared}
        if self.kind == "im":
            return body | {"user": self.id.removeprefix("D")}
        return body | {"name": self.name or self.id.lower(), "is_member": self.has_bot}


@dataclass(slots=True)
class Person:
    id: str
    name: str
    team_id: str
    is_admin: bool = False
    is_owner: bool = False
    is_guest: bool = False
    is_bot: bool = False
    deleted: bool = False
    locale: str = "en-US"

    def payload(self, team_id: str) -> dict[str, Any]:
        """As `team_id` sees the person."""
        return {
            "id": self.id,
            "team_id": self.team_id,
            "name": self.name.lower(),
            "real_name": self.name,
            "profile": {"real_name": self.name, "display_name": self.name, "team": self.team_id},
            "is_admin": self.is_admin or self.is_owner,
            "is_owner": self.is_owner,
            "is_restricted": self.is_guest,
            "is_bot": self.is_bot,
            "is_stranger": self.team_id != team_id,
            "deleted": self.deleted,
            "locale": self.locale,
        }


@dataclass(frozen=True, slots=True)
class Status:
    """What the bot is doing, shown under a thread."""

    text: str
    loading_messages: tuple[str, ...]
    until: float


@dataclass(frozen=True, slots=True)
class Ephemeral:
    """What one person alone saw."""

    channel: str
    user: str
    version: Version
    thread_ts: str = ""


class Workspace:
    def __init__(
        self,
        team_id: str = "T0FAKE",
        name: str = "Fake",
        *,
        token: str = "xoxb-fake-bot",
        bot_user_id: str = "U0BOT",
        bot_id: str = "B0BOT",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.team_id, self.name = team_id, name
        self.token, self.bot_user_id, self.bot_id = token, bot_user_id, bot_id
        self.installed = True
        self.scopes: frozenset[str] | None = None  # None: all
        self.dead_tokens: dict[str, str] = {}  # token → the code that it is refused with
        self.channels: dict[str, Channel] = {}
        self.people: dict[str, Person] = {}
        self.homes: dict[str, dict[str, Any]] = {}
        self.views: dict[str, dict[str, Any]] = {}  # open modals
        self.statuses: dict[tuple[str, str], Status] = {}
        self.past_statuses: list[Status] = []
        self.titles: dict[tuple[str, str], str] = {}
        self.prompts: dict[tuple[str, str], dict[str, Any]] = {}
        self.ephemerals: list[Ephemeral] = []
        self.broadcasts: list[Broadcast] = []
        self.clock = clock
        self._stamps = self._ticking()

    @property
    def domain(self) -> str:
        return self.name.lower().replace(" ", "-")

    def channel(self, channel_id: str) -> Channel:
        """A channel by its id, made on first use; one that begins with D is a direct message."""
        kind = "im" if channel_id.startswith("D") else "channel"
        return self.channels.setdefault(channel_id, Channel(channel_id, kind))

    def person(self, user: str, name: str = "", **about: Any) -> Person:
        """Somebody by id, made on first use."""
        if user not in self.people:
            self.people[user] = Person(user, name or user, about.pop("team_id", self.team_id))
        person = self.people[user]
        for key, value in about.items():
            setattr(person, key, value)
        return person

    def stamp(self) -> str:
        """A `ts` of its own."""
        return next(self._stamps)

    def add(
        self,
        channel_id: str,
        user: str,
        version: Version,
        *,
        thread_ts: str = "",
        metadata: Mapping[str, Any] | None = None,
        bot_id: str = "",
        subtype: str = "",
        files: list[SlackFile] | None = None,
    ) -> Message:
        if user == self.bot_user_id:
            bot_id = self.bot_id
        message = Message(channel_id, self.stamp(), user, [version], thread_ts, bot_id, metadata)
        message.subtype, message.files = subtype, files or []
        person = None if bot_id else self.person(user)
        if person and not subtype:
            message.client_msg_id = str(uuid.uuid4())
        if person and person.team_id != self.team_id:
            message.team_id = person.team_id
        self.channel(channel_id).messages[message.ts] = message
        self.note_broadcasts(message)
        return message

    def note_broadcasts(self, message: Message) -> None:
        if message.bot_id == self.bot_id:
            for who in message.now.broadcasts:
                self.broadcasts.append(Broadcast(message.channel, message.ts, who))

    def find(self, channel_id: str, ts: str) -> Message | None:
        channel = self.channels.get(channel_id)
        message = channel.messages.get(ts) if channel else None
        return None if message is None or message.deleted else message

    def status(self, channel_id: str, thread_ts: str) -> Status | None:
        """The status that is shown there now."""
        status = self.statuses.get((channel_id, thread_ts))
        return status if status and self.clock() < status.until else None

    def _ticking(self) -> Iterator[str]:
        return (f"{int(self.clock())}.{number:06d}" for number in itertools.count(100))
