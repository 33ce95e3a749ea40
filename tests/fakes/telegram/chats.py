"""Chats and their messages, with every version that a message ever had."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Fields = dict[str, Any]  # a piece of JSON, as the Bot API writes it

FIRST_DATE = 1_700_000_000  # when every server began
SERVICE = frozenset(
    {"new_chat_members", "left_chat_member", "new_chat_title", "group_chat_created"}
    | {"supergroup_chat_created", "channel_chat_created", "pinned_message"}
    | {"migrate_to_chat_id", "migrate_from_chat_id"}
    | {"forum_topic_created", "forum_topic_edited", "forum_topic_closed", "forum_topic_reopened"}
)


@dataclass(frozen=True)
class Version:
    at: float  # seconds since the server began
    text: str  # or the caption
    entities: list[Fields]
    reply_markup: Fields | None
    lost: list[Fields] = field(default_factory=list)  # entities that Telegram left out
    found: list[Fields] = field(default_factory=list)  # those it found itself in a bot's text

    @property
    def marks(self) -> list[Fields]:
        everything = self.entities + self.found
        return sorted(everything, key=lambda one: (one["offset"], -one["length"]))


@dataclass
class Message:
    chat_id: int
    message_id: int
    sender: Fields
    versions: list[Version]
    thread_id: int | None = None
    reply_to: int | None = None
    deleted_at: float | None = None
    reactions: list[str] = field(default_factory=list)  # the bot's
    content: Fields = field(default_factory=dict)  # photo, document, …; a text has none
    further: Fields = field(default_factory=dict)  # forward_origin, quote, sender_chat, …
    known_to: set[int] = field(default_factory=set)  # the bots that were told of it
    inline_id: str = ""  # by which a bot may edit it where it is not
    peoples_reactions: dict[int, list[str]] = field(default_factory=dict)

    @property
    def from_bot(self) -> bool:
        return bool(self.sender["is_bot"])

    @property
    def text(self) -> str:
        return self.versions[-1].text

    @property
    def entities(self) -> list[Fields]:
        return self.versions[-1].entities

    @property
    def is_service(self) -> bool:
        """A member who left, a topic that was made: nothing that somebody wrote."""
        return bool(SERVICE & self.content.keys())

    @property
    def keyboard(self) -> list[list[Fields]]:
        rows: list[list[Fields]] = (self.versions[-1].reply_markup or {}).get("inline_keyboard", [])
        return rows

    @property
    def buttons(self) -> list[str]:
        """The callback data of the buttons below it."""
        return [
            button["callback_data"]
            for row in self.keyboard
            for button in row
            if "callback_data" in button
        ]

    def body(self) -> Fields:
        """The text, or the content with its caption."""
        version = self.versions[-1]
        if not self.content:
            return {"text": version.text} | _filled(entities=version.marks)
        return self.content | _filled(caption=version.text, caption_entities=version.marks)


@dataclass
class Chat:
    chat_id: int
    about: Fields  # its type, and its title or name
    messages: dict[int, Message] = field(default_factory=dict)
    threads: set[int] = field(default_factory=set)
    topics: dict[int, str] = field(default_factory=dict)  # their names
    closed_threads: set[int] = field(default_factory=set)
    actions: list[tuple[float, str]] = field(default_factory=list)  # "typing" and when
    drafts: dict[int, list[Version]] = field(default_factory=dict)  # since the last message
    draft_history: list[tuple[int, Version]] = field(default_factory=list)
    reactions_allowed: bool = True
    shut: str = ""  # where set, writing is forbidden with these words
    rights: str = ""  # where set, writing is a bad request with these words
    moved_to: int | None = None  # the supergroup that this group has become
    discussion: int | None = None  # the group in which this channel's posts are discussed
    absent: set[int] = field(default_factory=set)  # bots that are not in this group
    kicked: set[int] = field(default_factory=set)  # bots that were put out
    admins: set[int] = field(default_factory=set)  # bots that are its administrators
    next_id: int = 1

    @property
    def kind(self) -> str:
        return str(self.about["type"])

    @property
    def private(self) -> bool:
        return self.kind == "private"

    def describe(self) -> Fields:
        return {"id": self.chat_id, **self.about}

    def add(self, message: Message) -> Message:
        self.messages[message.message_id] = message
        self.next_id += 1
        return message

    def payload(self, message: Message, *, with_reply: bool = True) -> Fields:
        """The message as the Bot API writes it."""
        version = message.versions[-1]
        fields: Fields = {
            "message_id": message.message_id,
            "date": date_at(message.versions[0].at),
            "chat": self.describe(),
            "from": message.sender,
            **message.body(),
        }
        if version.reply_markup:
            fields["reply_markup"] = version.reply_markup
        if message.thread_id is not None:
            fields |= {"message_thread_id": message.thread_id, "is_topic_message": True}
        if len(message.versions) > 1:
            fields["edit_date"] = date_at(version.at)
        answered = self.messages.get(message.reply_to or message.thread_id or 0)
        if with_reply and answered is not None and answered is not message:
            # What answers nothing in a topic answers the message that says the topic was made.
            # Telegram leaves out what that one answered in its turn.
            fields["reply_to_message"] = self.payload(answered, with_reply=False)
        return fields | message.further


def date_at(seconds: float) -> int:
    return FIRST_DATE + int(seconds)


def _filled(**fields: Any) -> Fields:
    return {name: value for name, value in fields.items() if value}
