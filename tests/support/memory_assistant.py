"""The Assistant port without a database or a model: scripted replies, kept in memory.

A real implementation, for tests and for work on the pages: turns run in order, one at a time per
conversation, whether anyone reads them or not; a message joins the turn before it while nobody has
read text of that; stop keeps what was said; "new" starts afresh.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType

from assistant.answering.embeddings import Embedded, packed
from assistant.errors import QueueFull, StorageUnavailable
from assistant.messages import (
    FINAL_STATES,
    Accepted,
    Answer,
    ButtonPressed,
    ChatRef,
    Command,
    Edited,
    HistoryEntry,
    IncomingMessage,
    Presence,
    ReplyDelta,
    Requester,
    TurnState,
)
from assistant.phrases import Phrase
from inference.api import ChatMessage, EngineInfo, Sampling, TokenLogprob

INFO = EngineInfo(
    profile="scripted",
    model="echo-1",
    max_model_len=8192,
    fingerprint="echo",
    notice="This is an echo, not a model.",
    attribution="",
    tools=True,
    formats=("json_schema", "json_object", "regex", "choice", "grammar"),
    logprobs=True,
)


class ScriptedFailure(Exception):
    def __init__(self, sentence: str, code: str = "engine_error") -> None:
        super().__init__(sentence)
        self.code = code


# From the conversation (its last message is the question) to the reply, piece by piece.
Script = Callable[[Sequence[ChatMessage]], Iterator[str]]


def echo(messages: Sequence[ChatMessage]) -> Iterator[str]:
    yield from words(f"You said: {messages[-1].content}")


def words(text: str) -> Iterator[str]:
    yield from re.findall(r"\s*\S+|\s+$", text)


@dataclass(slots=True)
class _Turn:
    id: int
    chat: ChatRef
    conversation: int
    questions: dict[str, str]  # by message id
    sampling: Sampling = field(default_factory=Sampling)
    messages: tuple[ChatMessage, ...] = ()  # of a stateless request
    text: str = ""
    state: TurnState = "queued"
    error: str = ""
    error_code: str = ""
    finish_reason: str = ""
    pieces: int = 0
    prompt_words: int = 0
    attempt: int = 0
    shown: bool = False  # text of it was read by somebody
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def has_news(self, attempt: int, offset: int) -> bool:
        new = len(self.text) > self.known(attempt, offset)
        return new or self.state in FINAL_STATES

    def known(self, attempt: int, offset: int) -> int:
        """How much of the text a reader has who is at `offset` of this attempt's."""
        return offset if attempt in (0, self.attempt) else 0


class MemoryAssistant:
    """Use as `async with`. `info` None means that no engine is there: turns wait in the queue."""

    def __init__(
        self,
        script: Script = echo,
        pace_seconds: float = 0.0,
        info: EngineInfo | None = INFO,
    ) -> None:
        self.script = script
        self.pace_seconds = pace_seconds
        self.info = info
        self.beside: list[EngineInfo] = []  # what other workers serve
        self.asked: list[Sampling] = []  # of stateless requests
        self.commands: list[tuple[str, str]] = []  # names and arguments
        self.storage_works = True
        self.queue_full = False
        self.may_write = asyncio.Event()  # cleared, no reply grows until it is set
        self.may_write.set()
        self._turns: dict[int, _Turn] = {}
        self._by_message: dict[tuple[ChatRef, str], int] = {}
        self._conversation: dict[ChatRef, int] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._work = asyncio.Event()
        self._moved = asyncio.Condition()  # some turn changed its state
        self._dispatcher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> MemoryAssistant:
        self._dispatcher = asyncio.create_task(self._dispatch())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        tasks = [*self._running.values()]
        if self._dispatcher is not None:
            tasks.append(self._dispatcher)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def set_info(self, info: EngineInfo | None) -> None:
        self.info = info
        self._work.set()

    def states(self) -> list[TurnState]:
        return [turn.state for turn in self._turns.values()]

    async def reached(self, *states: TurnState) -> None:
        """Wait until all turns, in order, have these states."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.states() == list(states))

    # The port

    async def accept(self, message: IncomingMessage) -> Accepted:
        self._check_storage()
        known = self._by_message.get((message.chat, message.message_id))
        if known is not None:
            return Accepted(known, duplicate=True)
        joined = self._joinable(message.chat)
        turn = joined or self._new_turn(message.chat)
        turn.questions[message.message_id] = message.text
        self._by_message[message.chat, message.message_id] = turn.id
        restarted = turn.attempt if turn.state == "running" else None
        if restarted is not None:
            self._start_again(turn)
        self._work.set()
        waits = any(one.state == "running" for one in self._current(message.chat))
        return Accepted(turn.id, joined=joined is not None, restarted=restarted, waits=waits)

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
        self._check_storage()
        turn = self._new_turn(chat)
        self.asked.append(sampling)
        turn.messages, turn.sampling = tuple(messages), sampling
        self._work.set()
        return Accepted(turn.id)

    async def command(self, command: Command) -> Answer:
        self._check_storage()
        self.commands.append((command.name, command.argument))
        live = [turn.id for turn in self._turns.values() if turn.chat == command.chat]
        if command.name in ("new", "stop"):
            for turn_id in live:
                await self.stop(turn_id)
        if command.name == "new":
            self._conversation[command.chat] = self._conversation.get(command.chat, 0) + 1
        return Answer("Done.")

    async def stop(self, turn_id: int) -> bool:
        turn = self._turns.get(turn_id)
        if turn is None or turn.state in FINAL_STATES:
            return False
        await self._end(turn, "stopped", finish_reason="abort")
        task = self._running.get(turn_id)
        if task is not None:
            task.cancel()
        return True

    async def press(self, pressed: ButtonPressed) -> Phrase | None:
        if pressed.action == "stop" and await self.turn_chat(pressed.turn_id) == pressed.chat:
            await self.stop(pressed.turn_id)
        return None

    async def language(self, chat: ChatRef, sender_id: str, told: str = "") -> str:
        return told

    async def turn_chat(self, turn_id: int) -> ChatRef | None:
        turn = self._turns.get(turn_id)
        return turn.chat if turn is not None else None

    async def follow(self, turn_id: int, offset: int = 0) -> AsyncIterator[ReplyDelta]:
        turn, attempt = self._turns[turn_id], 0
        while True:
            async with turn.changed:
                await turn.changed.wait_for(partial(turn.has_news, attempt, offset))
                offset, attempt = turn.known(attempt, offset), turn.attempt
                text, ended = turn.text[offset:], turn.state in FINAL_STATES
                turn.shown = turn.shown or bool(text)
            if ended:
                yield ReplyDelta(
                    turn_id,
                    attempt,
                    offset,
                    text,
                    turn.state,
                    turn.error,
                    turn.error_code,
                    turn.prompt_words,
                    turn.pieces,
                    turn.finish_reason,
                )
                return
            yield ReplyDelta(turn_id, attempt, offset, text)
            offset += len(text)

    async def before(self, turn_id: int) -> int | None:
        """Turns of the same conversation never count."""
        waiting = [turn.id for turn in self._turns.values() if turn.state == "queued"]
        busy = {turn.chat for turn in self._turns.values() if turn.state == "running"}
        if turn_id not in waiting or self._turns[turn_id].chat in busy:
            return None
        return waiting.index(turn_id)

    async def history(self, chat: ChatRef, limit: int = 50) -> Sequence[HistoryEntry]:
        self._check_storage()
        entries = []
        for turn in self._current(chat):
            for question in turn.questions.values():
                entries.append(HistoryEntry("user", question, turn.id, turn.state))
            if turn.text or turn.error:
                entries.append(
                    HistoryEntry("assistant", turn.text, turn.id, turn.state, turn.error)
                )
        return entries[-limit:]

    async def erase(self, chat: ChatRef, message_id: str) -> None:
        turn = self._turns[self._by_message.pop((chat, message_id))]
        del turn.questions[message_id]
        await self.stop(turn.id)

    async def edit(self, edited: Edited) -> None:
        self._check_storage()
        turn = self._turns[self._by_message[edited.chat, edited.message_id]]
        turn.questions[edited.message_id] = edited.text
        if turn.state != "queued":
            self._start_again(turn)

    async def takes_part(self, chat: ChatRef) -> bool:
        return False

    async def untold(self, chat: ChatRef, sender_id: str) -> None:
        """Nothing is told once only here."""

    async def may_talk(self, chat: ChatRef, sender_id: str) -> bool:
        raise NotImplementedError

    async def move(self, chat: ChatRef, to_chat_id: str) -> None:
        raise NotImplementedError

    async def presence(self, presence: Presence) -> None:
        raise NotImplementedError

    async def take_logprobs(self, turn_id: int) -> Sequence[TokenLogprob]:
        return [TokenLogprob(piece, -0.5) for piece in words(self._turns[turn_id].text)]

    async def engine_info(self) -> EngineInfo | None:
        return self.info

    async def engines(self) -> Sequence[EngineInfo]:
        return [*([] if self.info is None else [self.info]), *self.beside]

    async def embed(self, model: str, texts: Sequence[str]) -> Embedded:
        self._check_storage()
        lengths = [packed([float(len(text)), 0.5]) for text in texts]
        return Embedded(tuple(lengths), sum(len(text.split()) for text in texts))

    # How turns run

    def _check_storage(self) -> None:
        if not self.storage_works:
            raise StorageUnavailable("The storage was switched off.")
        if self.queue_full:
            raise QueueFull(Phrase("refused.full", {"waiting": 10_000}))

    def _new_turn(self, chat: ChatRef) -> _Turn:
        turn = _Turn(len(self._turns) + 1, chat, self._conversation.get(chat, 0), {})
        self._turns[turn.id] = turn
        return turn

    def _current(self, chat: ChatRef) -> list[_Turn]:
        number = self._conversation.get(chat, 0)
        return [t for t in self._turns.values() if t.chat == chat and t.conversation == number]

    def _joinable(self, chat: ChatRef) -> _Turn | None:
        """The turn that waits; else the one that runs, if nobody has read any of it."""
        live = {turn.state: turn for turn in self._current(chat) if not turn.shown}
        return live.get("queued") or live.get("running")

    def _start_again(self, turn: _Turn) -> None:
        task = self._running.pop(turn.id, None)
        if task is not None:
            task.cancel()
        turn.state, turn.text, turn.pieces, turn.shown = "queued", "", 0, False
        self._work.set()

    async def _dispatch(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            busy = {turn.chat for turn in self._turns.values() if turn.state == "running"}
            for turn in self._turns.values():
                if self.info is not None and turn.state == "queued" and turn.chat not in busy:
                    busy.add(turn.chat)
                    turn.state, turn.attempt = "running", turn.attempt + 1
                    self._running[turn.id] = asyncio.create_task(self._run(turn))
            async with self._moved:
                self._moved.notify_all()

    async def _run(self, turn: _Turn) -> None:
        try:
            await self._generate(turn)
        except ScriptedFailure as failure:
            await self._end(turn, "failed", error=str(failure), error_code=failure.code)
        finally:
            if self._running.get(turn.id) is asyncio.current_task():
                del self._running[turn.id]
            self._work.set()

    async def _generate(self, turn: _Turn) -> None:
        messages = turn.messages or self._context(turn)
        turn.prompt_words = sum(len(message.content.split()) for message in messages)
        limit = turn.sampling.max_tokens
        for piece in self.script(messages):
            if limit is not None and turn.pieces >= limit:
                await self._end(turn, "done", finish_reason="length")
                return
            await asyncio.sleep(self.pace_seconds)
            await self.may_write.wait()
            async with turn.changed:
                turn.text += piece
                turn.pieces += 1
                turn.changed.notify_all()
        await self._end(turn, "done", finish_reason="stop")

    def _context(self, turn: _Turn) -> tuple[ChatMessage, ...]:
        messages = []
        for earlier in self._current(turn.chat):
            if earlier.id > turn.id:
                break
            messages.append(ChatMessage("user", "\n\n".join(earlier.questions.values())))
            if earlier.text and earlier is not turn:
                messages.append(ChatMessage("assistant", earlier.text))
        return tuple(messages)

    async def _end(
        self,
        turn: _Turn,
        state: TurnState,
        error: str = "",
        error_code: str = "",
        finish_reason: str = "",
    ) -> None:
        async with turn.changed:
            turn.state, turn.error, turn.error_code = state, error, error_code
            turn.finish_reason = finish_reason
            turn.changed.notify_all()
        self._work.set()
