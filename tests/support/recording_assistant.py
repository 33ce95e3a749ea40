"""An Assistant that remembers what channels handed to it, and can be without its storage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from assistant.answering.embeddings import Embedded
from assistant.errors import MessageRefused, StorageUnavailable
from assistant.files.attachments import opened, readable
from assistant.files.pdf_text import PdfReader
from assistant.messages import (
    NO_MEMBER,
    Accepted,
    Answer,
    Attachment,
    ButtonPressed,
    ChatRef,
    Command,
    Edited,
    HistoryEntry,
    IncomingMessage,
    Membership,
    Presence,
    ReplyDelta,
    Requester,
)
from assistant.orders.overview import Overview
from assistant.orders.usage import Used
from assistant.phrases import Phrase
from inference.api import ChatMessage, EngineInfo, Sampling


class RecordingAssistant:
    """Keeps the Assistant's rules that channels rely on: a message is accepted once."""

    def __init__(self) -> None:
        self.accepted: list[IncomingMessage] = []  # in order, without duplicates
        self.deliveries: list[IncomingMessage] = []  # every one, duplicates too
        self.completed: list[IncomingMessage] = []
        self.commands: list[Command] = []
        self.stopped: list[int] = []
        self.presses: list[ButtonPressed] = []
        self.word: Phrase | None = None  # what a press is answered with
        self.pressed: list[tuple[int, ChatRef, str]] = []  # turn, chat, message of the button
        self.edited: list[Edited] = []
        self.moved: list[tuple[ChatRef, str]] = []
        self.presences: list[Presence] = []
        self.erased: list[tuple[ChatRef, str]] = []
        self.quiet: set[ChatRef] = set()  # where it takes no part any more
        self.refusal: Phrase | None = None  # where set, messages are refused with it
        self.bug: Exception | None = None  # where set, raised by everything
        self.failures_left = 0  # so many next calls find no storage
        self.hold = asyncio.Event()  # cleared, `accept` waits until it is set
        self.hold.set()
        self._turns: dict[tuple[ChatRef, str], int] = {}

    async def accept(self, message: IncomingMessage) -> Accepted:
        await self.hold.wait()
        self._storage()
        if self.refusal:
            raise MessageRefused(self.refusal)
        self.deliveries.append(message)
        key = (message.chat, message.message_id)
        if key in self._turns:
            return Accepted(self._turns[key], duplicate=True)
        self._turns[key] = len(self._turns) + 1
        self.accepted.append(message)
        return Accepted(self._turns[key])

    async def wanted(self, message: IncomingMessage) -> Sequence[Attachment]:
        self._storage()
        if self.refusal:
            raise MessageRefused(Phrase("refused.blocked"))
        return message.attachments

    async def opened(self, attachment: Attachment) -> Attachment:
        return await opened(attachment, PdfReader())

    async def complete(self, message: IncomingMessage) -> None:
        self._storage()
        self.completed.append(message)
        try:
            readable(message, 32_000 - len(message.text))
        except MessageRefused:
            await self.erase(message.chat, message.message_id)
            raise

    async def in_album(self, chat: ChatRef, album: str) -> bool:
        self._storage()
        return any((one.chat, one.album) == (chat, album) for one in self.accepted)

    async def accept_request(
        self,
        chat: ChatRef,
        messages: Sequence[ChatMessage],
        sampling: Sampling,
        requester: Requester = Requester(),  # noqa: B008 - it is frozen
        *,
        background: bool = False,
        deadline_seconds: float | None = None,
    ) -> Accepted:
        raise NotImplementedError

    async def command(self, command: Command) -> Answer:
        self._storage()
        self.commands.append(command)
        return Answer(f"done: {command.name}")

    async def stop(self, turn_id: int) -> bool:
        self._storage()
        self.stopped.append(turn_id)
        return True

    async def press(self, pressed: ButtonPressed) -> Phrase | None:
        self._storage()
        chat = await self.turn_chat(pressed.turn_id)
        if chat is None or replace(chat, thread_id="") != replace(pressed.chat, thread_id=""):
            return Phrase("button.gone")
        self.presses.append(pressed)
        self.pressed.append((pressed.turn_id, chat, pressed.message_id))
        if pressed.action == "stop":
            await self.stop(pressed.turn_id)
        return self.word

    async def language(self, chat: ChatRef, sender_id: str, told: str = "") -> str:
        return told

    async def turn_chat(self, turn_id: int) -> ChatRef | None:
        self._storage()
        return next((chat for (chat, _), turn in self._turns.items() if turn == turn_id), None)

    async def follow(self, turn_id: int, offset: int = 0) -> AsyncIterator[ReplyDelta]:
        raise NotImplementedError
        yield

    async def before(self, turn_id: int) -> int | None:
        return None

    async def history(self, chat: ChatRef, limit: int = 50) -> Sequence[HistoryEntry]:
        return ()

    async def erase(self, chat: ChatRef, message_id: str) -> None:
        self._storage()
        self.erased.append((chat, message_id))

    async def knows(self, chat: ChatRef, message_id: str) -> bool:
        self._storage()
        return (chat, message_id) in self._turns

    async def edit(self, edited: Edited) -> None:
        self._storage()
        self.edited.append(edited)

    async def admit(
        self,
        chat: ChatRef,
        sender_id: str,
        sender_name: str,
        member: Membership = NO_MEMBER,
        *,
        alone: bool = False,
    ) -> None:
        self._storage()
        if self.refusal:
            raise MessageRefused(self.refusal)

    async def untold(self, chat: ChatRef, sender_id: str) -> None:
        """Nothing is told once only here."""

    async def may_talk(self, chat: ChatRef, sender_id: str, member: Membership = NO_MEMBER) -> bool:
        return not self.refusal

    async def overview(self, chat: ChatRef, sender_id: str, told: str = "") -> Overview:
        nothing = Used(0, 0, 0, 0)
        return Overview(told, "", "default", [("default", "As usual")], nothing, nothing, ())

    async def suggestions(self, chat: ChatRef, language: str = "") -> Sequence[str]:
        return ("What can you do?",)

    async def takes_part(self, chat: ChatRef) -> bool:
        self._storage()
        return chat not in self.quiet and any(known == chat for known, _ in self._turns)

    async def heard_until(self, chat: ChatRef) -> str:
        self._storage()
        heard = [message_id for known, message_id in self._turns if known == chat]
        return heard[-1] if heard else ""

    async def move(self, chat: ChatRef, to_chat_id: str) -> None:
        self._storage()
        self.moved.append((chat, to_chat_id))

    async def presence(self, presence: Presence) -> None:
        self._storage()
        self.presences.append(presence)

    async def engine_info(self) -> EngineInfo | None:
        return None

    async def engines(self) -> Sequence[EngineInfo]:
        return ()

    async def embed(self, model: str, texts: Sequence[str]) -> Embedded:
        raise NotImplementedError

    def _storage(self) -> None:
        if self.bug is not None:
            raise self.bug
        if self.failures_left > 0:
            self.failures_left -= 1
            raise StorageUnavailable("The database can't be reached.")
