"""Chats and their messages, with every version that a message ever had."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Version:
    at: float  # seconds since the server began
    text: str
    entities: list[dict[str, Any]]
    reply_markup: dict[str, Any] | None


@dataclass
class Message:
    chat_id: int
    message_id: int
    sender: dict[str, Any]
    versions: list[Version]
    thread_id: int | None = None
    reply_to: int | None = None
    deleted_at: float | None = None
    reactions: list[str] = field(default_factory=list)  # the bot's

    @property
    def from_bot(self) -> bool:
        return bool(self.sender["is_bot"])

    @property
    def text(self) -> str:
        return self.versions[-1].text

    @property
    def entities(self) -> list[dict[str, Any]]:
        return self.versions[-1].entities

    @property
    def buttons(self) -> list[str]:
        """The callback data of the buttons below it."""
        rows = (self.versions[-1].reply_markup or {}).get("inline_keyboard", [])
        return [button["callback_data"] for row in rows for button in row]


@dataclass
class Chat:
    chat_id: int
    messages: dict[int, Message] = field(default_factory=dict)
    threads: set[int] = field(default_factory=set)
    actions: list[tuple[float, str]] = field(default_factory=list)  # "typing" and when
    reactions_allowed: bool = True
    shut: str = ""  # where set, writing is forbidden with these words
    next_id: int = 1

    def describe(self) -> dict[str, Any]:
        if self.chat_id > 0:
            return {"id": self.chat_id, "type": "private", "first_name": f"Person {self.chat_id}"}
        return {"id": self.chat_id, "type": "supergroup", "title": f"Group {-self.chat_id}"}

    def add(self, message: Message) -> Message:
        self.messages[message.message_id] = message
        self.next_id += 1
        return message

    def payload(self, message: Message) -> dict[str, Any]:
        """The message as the Bot API writes it."""
        version = message.versions[-1]
        fields: dict[str, Any] = {
            "message_id": message.message_id,
            "date": 1_700_000_000 + int(message.versions[0].at),
            "chat": self.describe(),
            "from": message.sender,
            "text": version.text,
        }
        if version.entities:
            fields["entities"] = version.entities
        if version.reply_markup:
            fields["reply_markup"] = version.reply_markup
        if message.thread_id is not None:
            fields |= {"message_thread_id": message.thread_id, "is_topic_message": True}
        if len(message.versions) > 1:
            fields["edit_date"] = 1_700_000_000 + int(version.at)
        if (answered := self.messages.get(message.reply_to or 0)) is not None:
            fields["reply_to_message"] = self.payload(answered)
        return fields


def person(user_id: int, name: str = "") -> dict[str, Any]:
    return {"id": user_id, "is_bot": False, "first_name": name or f"Person {user_id}"}
