"""The conversation service as channels and pages see it: the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from assistant.answering.embeddings import Embedded
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
from assistant.phrases import Phrase
from inference.api import ChatMessage, EngineInfo, Sampling, TokenLogprob


class Assistant(Protocol):
    async def accept(self, message: IncomingMessage) -> Accepted:
        """Store the message and its turn in one transaction; when this returns it is committed.

        Raises StorageUnavailable (nothing stored: do not acknowledge), MessageRefused (its
        phrase goes to the person; acknowledge; QueueFull among them). The answer to a message with
        `awaited` files waits for `complete`, but no longer than `AWAIT_SECONDS`.
        """
        ...

    async def opened(self, attachment: Attachment) -> Attachment:
        """A PDF with its text in place of it, any other file as it is. May take seconds; what was
        not opened before is so by `accept`."""
        ...

    async def complete(self, message: IncomingMessage) -> None:
        """An accepted message with all its files: those that were `awaited` are there now, or
        can't be had. Its answer goes on, or is begun again in place where it didn't wait.

        Raises StorageUnavailable, and MessageRefused where nothing is left of the message: it is
        erased then, with its answer.
        """
        ...

    async def wanted(self, message: IncomingMessage) -> Sequence[Attachment]:
        """Which of a message's files are worth fetching before it is accepted.

        Raises StorageUnavailable, and MessageRefused: who may not talk here has nothing fetched,
        and of a picture alone nothing is left where no model sees.
        """
        ...

    async def in_album(self, chat: ChatRef, album: str) -> bool:
        """Whether a part of this album was taken in."""
        ...

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
        """A stateless request (public API): its messages, with their images, are the whole context
        of one turn.

        `background`: whatever people ask goes first. `deadline_seconds`: how long it may take,
        waiting included; never longer than the settings say. Raises StorageUnavailable, QueueFull.
        """
        ...

    async def command(self, command: Command) -> Answer:
        """Carry out an order and return what the person is told, in their language."""
        ...

    async def press(self, pressed: ButtonPressed) -> Phrase | None:
        """What a button asks for, for a turn of the chat that it was pressed in.

        Returns a short word for the person, or None. Raises MessageRefused for whom may not talk
        here. A press that the platform delivers again does nothing twice.
        """
        ...

    async def language(self, chat: ChatRef, sender_id: str, told: str = "") -> str:
        """What this person reads: the language that they chose, else `told`, which is what the
        platform says now, else what it said last."""
        ...

    async def stop(self, turn_id: int) -> bool:
        """Stop a turn that is queued or running; what was said is kept. False if it had ended.

        Turn ids can be guessed: whoever calls has checked that the turn is in the caller's chat
        (`turn_chat`).
        """
        ...

    async def turn_chat(self, turn_id: int) -> ChatRef | None: ...

    def follow(self, turn_id: int, offset: int = 0) -> AsyncIterator[ReplyDelta]:
        """The reply from `offset` characters on, until its last delta (which has `state`)."""
        ...

    async def take_logprobs(self, turn_id: int) -> Sequence[TokenLogprob]:
        """Those of an answer that is complete, where they were asked for: they can be read once."""
        ...

    async def before(self, turn_id: int) -> int | None:
        """How many turns begin before this one, as things stand; None for one that doesn't wait,
        or waits for an answer in its own conversation."""
        ...

    async def history(self, chat: ChatRef, limit: int = 50) -> Sequence[HistoryEntry]:
        """The current conversation (since the last "new"), oldest first."""
        ...

    async def erase(self, chat: ChatRef, message_id: str) -> None:
        """The person deleted this message: it and what answers it alone are removed, and a turn
        that is at it is aborted."""
        ...

    async def knows(self, chat: ChatRef, message_id: str) -> bool:
        """Whether this message of a person is stored, or was and is deleted."""
        ...

    async def edit(self, edited: Edited) -> None:
        """The person edited a message: it is answered again, in the place of its former answer."""
        ...

    async def admit(
        self,
        chat: ChatRef,
        sender_id: str,
        sender_name: str,
        member: Membership = NO_MEMBER,
        *,
        alone: bool = False,
    ) -> None:
        """Raises MessageRefused, with what the person is told, for whom may not talk here; in a
        group once a day, unless it is told to them `alone`."""
        ...

    async def untold(self, chat: ChatRef, sender_id: str) -> None:
        """What this person was refused here couldn't be said: it is told the next time."""
        ...

    async def may_talk(self, chat: ChatRef, sender_id: str, member: Membership = NO_MEMBER) -> bool:
        """Whether this person would be answered here. Nothing is stored."""
        ...

    async def overview(self, chat: ChatRef, sender_id: str, told: str = "") -> Overview:
        """What there is to say of a person who looks at us from their private chat. `told` is the
        language that the platform names."""
        ...

    async def suggestions(self, chat: ChatRef, language: str = "") -> Sequence[str]:
        """What a person may ask first here, by the persona; at most four."""
        ...

    async def takes_part(self, chat: ChatRef) -> bool:
        """Whether it was addressed here, and not told to be quiet since."""
        ...

    async def heard_until(self, chat: ChatRef) -> str:
        """The platform's id of the message that was taken in last here; empty for none."""
        ...

    async def move(self, chat: ChatRef, to_chat_id: str) -> None:
        """The platform gave the chat another id: its conversations go on there."""
        ...

    async def presence(self, presence: Presence) -> None:
        """We were let into a chat, or put out of it: then what is under way for it ends."""
        ...

    async def engine_info(self) -> EngineInfo | None:
        """What answers now, or None while no worker is there. While Redis is away, what was there
        last."""
        ...

    async def engines(self) -> Sequence[EngineInfo]:
        """All that is served now, each model once: by several workers there may be several. While
        Redis is away, what was served last."""
        ...

    async def embed(self, model: str, texts: Sequence[str]) -> Embedded:
        """The embeddings of texts by a model that `engines` names. Raises EmbeddingFailed."""
        ...
