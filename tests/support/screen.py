"""A channel in memory: the platform's screen as a person sees it, with what went wrong on demand.

A full implementation of the port (it passes the same expectations as the real channels), not a
mock: it keeps messages, knows edits of gone messages, and fails as platforms fail.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from assistant.channel import Act, Look, Pace, Placeholder
from assistant.errors import ChannelError, ContentRefused, MessageGone, SendOutcomeUnknown
from assistant.messages import ChatRef, Document


@dataclass(slots=True)
class Shown:
    """One message on the screen; `looks` are its texts over time."""

    id: str
    looks: list[str]
    final: bool = False
    key: str = ""
    turn_id: int = 0
    last: bool = False  # more can be asked for under it
    failed: bool = False  # it ends in a sentence of Outrider's own

    @property
    def text(self) -> str:
        return self.looks[-1]


@dataclass(slots=True)
class ScreenChannel:
    name: str = "telegram"
    account: str = "default"
    pace: Pace = field(default_factory=lambda: Pace(0.01, 0.01, 1000.0))
    piece_characters: int = 4096
    chats: dict[str, list[Shown]] = field(default_factory=lambda: defaultdict(list))
    said: list[str] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    failures: list[ChannelError] = field(default_factory=list)
    edit_failures: list[ChannelError] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    marked: list[str] = field(default_factory=list)  # messages that were shown to wait
    refuses: str = ""  # text that the platform does not take
    unseen: tuple[str, ...] = ()  # texts of which nothing is seen yet
    readable: bool = True  # whether a post can be found again by its key
    statuses: list[bool] | None = None  # those that were shown; None where there are none
    befores: list[int] = field(default_factory=list)  # what the statuses said of those before
    streams: Pace | None = None  # of posts that open a stream
    streamed: list[str] = field(default_factory=list)  # ids of messages that were opened so
    _numbers: int = 0

    @property
    def message_characters(self) -> int:
        return self.piece_characters

    def split(self, text: str) -> Sequence[str]:
        size = self.piece_characters
        return [text[start : start + size] for start in range(0, len(text), size)]

    def shows(self, text: str) -> bool:
        return text.strip() not in ("", *self.unseen)

    def pace_of(self, act: Act, message_id: str = "") -> Pace:
        return self.pace

    def stream_pace(self, chat: ChatRef) -> Pace | None:
        return self.streams

    async def post(self, chat: ChatRef, placeholder: Placeholder) -> str:
        self.calls.append("post")
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None and not isinstance(failure, SendOutcomeUnknown):
            raise failure
        self._numbers += 1
        shown = Shown(str(self._numbers), [""], key=placeholder.key, turn_id=placeholder.turn_id)
        self.chats[chat.chat_id].append(shown)
        if placeholder.stream:
            self.streamed.append(shown.id)
        if failure is not None:
            raise failure
        return shown.id

    async def edit(self, chat: ChatRef, message_id: str, look: Look) -> None:
        self.calls.append("edit")
        if self.edit_failures:
            raise self.edit_failures.pop(0)
        if self.failures:
            raise self.failures.pop(0)
        if self.refuses and self.refuses in look.text:
            raise ContentRefused("The platform does not take this.")
        for shown in self.chats[chat.chat_id]:
            if shown.id == message_id:
                shown.looks.append(look.text)
                shown.final, shown.last, shown.turn_id = look.final, look.last, look.turn_id
                shown.failed = look.failed
                return
        raise MessageGone("There is no such message.")

    async def status(
        self, chat: ChatRef, language: str, *, shown: bool = True, before: int = 0
    ) -> bool:
        if self.statuses is None:
            return False
        self.befores.append(before)
        self.statuses.append(shown)
        return True

    async def draft(self, chat: ChatRef, text: str, *, turn_id: int) -> bool:
        return False

    async def delete(self, chat: ChatRef, message_id: str, language: str = "") -> None:
        self.chats[chat.chat_id] = [
            shown for shown in self.chats[chat.chat_id] if shown.id != message_id
        ]

    async def find(
        self, chat: ChatRef, key: str, *, reply_to: str, known: Collection[str] = ()
    ) -> str | None:
        self.calls.append("find")
        if not self.readable:
            return None
        return next((one.id for one in self.chats[chat.chat_id] if one.key == key), "")

    async def mark_waiting(self, chat: ChatRef, message_id: str) -> None:
        self.marked.append(message_id)

    async def typing(self, chat: ChatRef) -> None:
        self.calls.append("typing")

    async def say(self, chat: ChatRef, text: str, *, reply_to: str = "") -> None:
        self.said.append(text)

    async def say_document(
        self, chat: ChatRef, document: Document, caption: str, *, reply_to: str = ""
    ) -> bool:
        self.said.append(caption)
        self.documents.append(document)
        return True
