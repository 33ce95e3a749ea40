"""A running reply: one attempt of a turn, from the frozen prompt to its outcome."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import structlog

from assistant.answering.canned import BLOCKED, CANNED
from assistant.answering.context import CannedReply, ContextBuilder
from assistant.answering.deltas import DeltaWriter
from assistant.answering.personas import Persona
from assistant.answering.token_counts import tokens_of
from assistant.answering.traces import AttemptTrace
from assistant.answering.turns import ClaimedTurn, Outcome, Piece, Turns
from assistant.errors import StorageUnavailable
from assistant.messages import ReplyDelta, clean
from assistant.phrases import Phrase, say
from assistant.settings import AssistantSettings
from inference.api import Delta, Engine, GenerationRequest, Prompt, Resumed, TokenLogprob, ToolCall

log = structlog.get_logger()

AGAIN_SECONDS = 0.5  # before an end is tried to be written again


@dataclass(slots=True)
class RunningReply:
    turn: ClaimedTurn
    engine: Engine
    turns: Turns
    deltas: DeltaWriter
    settings: AssistantSettings
    trace: AttemptTrace
    _text: str = field(default="", init=False)
    _token_ids: list[int] = field(default_factory=list, init=False)
    _last: Delta = field(default=Delta(""), init=False)
    _calls: list[ToolCall] = field(default_factory=list, init=False)
    _logprobs: list[TokenLogprob] = field(default_factory=list, init=False)
    _written: tuple[int, int] = field(default=(0, 0), init=False)  # characters and tokens
    _consuming: asyncio.Task[None] | None = field(default=None, init=False)
    _unfrozen: Prompt | None = field(default=None, init=False)  # not written to Postgres yet
    _prompt_tokens: int = field(default=0, init=False)  # of what the engine was asked; 0: unknown
    _persona: Persona | None = field(default=None, init=False)  # where the prompt was built here
    # It shall end: stopped, or abandoned.
    stopping: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _abandoned: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._text = self.turn.reply
        self._token_ids = list(self.turn.reply_token_ids)
        self._written = (len(self._text), len(self._token_ids))
        if self.turn.stop_requested:
            self.stopping.set()

    def stop(self) -> None:
        """End generation now and keep what was said. Cancelling the consumer aborts the engine."""
        self.stopping.set()
        if self._consuming is not None:
            self._consuming.cancel()

    def abandon(self) -> None:
        """Another has the turn, or it starts again: end generation and write nothing more."""
        self._abandoned = True
        self.stop()

    async def generate(self, context: ContextBuilder) -> Outcome:
        """Stream the answer. Raises EngineError, StorageUnavailable."""
        if self.stopping.is_set():
            return self._outcome("stopped")
        request = await self._request(context)
        if request is None:
            return self._outcome("cancelled")
        if isinstance(request, CannedReply):
            return await self._canned(request, context)
        self._consuming = asyncio.create_task(self._consume(request))
        if self.stopping.is_set():
            self._consuming.cancel()
        try:
            await self._consuming
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self.stopping.is_set() or (task is not None and task.cancelling()):
                raise  # not ours: the worker shuts down, or the turn's time is over
        if self._last.finish_reason is None:
            return self._outcome("stopped")
        return self._outcome("done")

    async def _canned(self, reply: CannedReply, context: ContextBuilder) -> Outcome:
        """Say what was written for it. What an earlier attempt had said is gone."""
        canned, self._text, self._token_ids = reply.canned, "", []
        answer = canned.answer or say(Phrase("canned.blocked"), reply.language)
        self._take(Delta(answer))
        if context.canned is not None:
            await context.canned.used(canned)
        reason = BLOCKED if canned.blocks else CANNED
        return replace(self._outcome("done"), finish_reason=reason)

    async def finish(self, outcome: Outcome) -> bool:
        """Commit the outcome, then let readers know. False when this attempt counts no more."""
        if not await self._committed(outcome):
            log.info("attempt_abandoned", turn=self.turn.id, attempt=self.turn.attempt)
            return False
        self.deltas.write(
            ReplyDelta(
                turn_id=self.turn.id,
                attempt=self.turn.attempt,
                offset=len(outcome.reply),
                text="",
                state=outcome.state,
                error=outcome.error,
                error_code=outcome.error_code,
                prompt_tokens=outcome.prompt_tokens,
                output_tokens=outcome.output_tokens,
                finish_reason=outcome.finish_reason or "",
                tool_calls=outcome.tool_calls,
                stop_reason=outcome.stop_reason,
                cached_tokens=outcome.cached_tokens,
            )
        )
        return True

    async def _committed(self, outcome: Outcome) -> bool:
        """While Postgres is away it is tried again, until another attempt has the turn."""
        told = False
        while not self._abandoned:
            try:
                return await self.turns.finish(self.turn, outcome)
            except StorageUnavailable:
                if not told:
                    log.warning("turn_unwritten", turn=self.turn.id, attempt=self.turn.attempt)
                told = True
            await asyncio.sleep(AGAIN_SECONDS)
        return False

    async def hand_over(
        self, after_seconds: float = 0, why: str = "shutdown", *, failed: bool = False
    ) -> None:
        """Give the turn back with all that was said so far; the next attempt goes on after so
        long. `failed`: this one counts as a failure."""
        if not self._abandoned:
            if (piece := self.unwritten()) is not None:
                await self.turns.checkpoint([piece])
            await self.turns.release(self.turn, after_seconds, why, failed=failed)

    def unwritten(self) -> Piece | None:
        """What the next checkpoint has to write; None where nothing is new."""
        characters, tokens = self._written
        if len(self._text) == characters or self._abandoned:
            return None
        return Piece(
            turn=self.turn.id,
            attempt=self.turn.attempt,
            characters=characters,
            added=self._text[characters:],
            tokens=tokens,
            added_ids=self._token_ids[tokens:],
            prompt=self._unfrozen,
            fingerprint=None if self._unfrozen is None else self.engine.info.fingerprint,
            persona=self._persona.name if self._persona else None,
            persona_version=self._persona.version if self._persona else None,
        )

    def written(self, piece: Piece) -> None:
        self._written = (
            piece.characters + len(piece.added),
            piece.tokens + len(piece.added_ids),
        )
        if piece.prompt is not None:
            self._unfrozen = None

    def failed(self, code: str, sentence: str, *, in_time: bool = True) -> Outcome:
        """`in_time` is False where its time was over: until then the engine was at its prompt."""
        outcome = replace(self._outcome("failed"), error_code=code, error=sentence)
        return outcome if in_time else replace(outcome, prompt_tokens=self._prompt_tokens)

    async def _request(self, context: ContextBuilder) -> GenerationRequest | CannedReply | None:
        """The frozen prompt of an earlier attempt with its reply so far, or a new prompt."""
        turn = self.turn
        sampling = turn.sampling
        if sampling.max_tokens is None:
            sampling = replace(sampling, max_tokens=self.settings.answer_tokens)
        prompt = turn.prompt
        if prompt is not None:
            prompt = await context.restored(prompt)
        else:
            built = await context.build(turn, self.trace.note_prompt)
            if built is None or isinstance(built, CannedReply):
                return built
            prompt, self._persona = built.prompt, built.persona
            # Written with the first tokens: without these the next attempt begins anew.
            self._unfrozen = prompt
        self.trace.note_built()
        request_id = f"{turn.id}.{turn.attempt}"
        return GenerationRequest(
            request_id,
            prompt,
            sampling,
            turn.reply_token_ids,
            priority=turn.priority,
            prefix_text=turn.reply,
        )

    def _take(self, delta: Delta) -> None:
        if delta.resumed is not None:
            self._go_on_from(delta.resumed)
        self._say(clean(delta.text))
        self._token_ids += delta.token_ids
        self._calls += [_clean(call) for call in delta.tool_calls]
        self._logprobs += [_clean_logprob(one) for one in delta.logprobs]
        self._last = delta
        self.trace.note(delta)

    def _go_on_from(self, prefix: Resumed) -> None:
        """Its text ends on a whole character, so it may be shorter than what stands in Postgres;
        or longer: with stop strings an engine holds text back whose tokens it has."""
        text = clean(prefix.text)
        self._text = text[: len(self._text)]
        self._token_ids = self._token_ids[: prefix.prefix_tokens]
        self._written = (len(self._text), len(self._token_ids))
        self._say(text[len(self._text) :])

    def _say(self, text: str) -> None:
        if text and not self._abandoned:
            self.deltas.write(ReplyDelta(self.turn.id, self.turn.attempt, len(self._text), text))
        self._text += text

    async def _consume(self, request: GenerationRequest) -> None:
        self.trace.note_asked()
        prompt = request.prompt
        if prompt.token_ids is None:
            self._prompt_tokens = tokens_of(*(message.content for message in prompt.messages))
        else:
            self._prompt_tokens = len(prompt.token_ids)
        async with aclosing(self.engine.generate(request)) as produced:  # type: ignore[type-var]
            async for delta in produced:
                self._take(delta)

    def _outcome(self, state: str) -> Outcome:
        return Outcome(
            state=state,  # type: ignore[arg-type]
            reply=self._text,
            finish_reason=self._last.finish_reason,
            # The engine says it with its last delta, which one that was stopped never had, and
            # an endpoint may leave it out.
            prompt_tokens=self._last.prompt_tokens
            or (self._prompt_tokens if state != "failed" else 0),
            cached_tokens=self._last.cached_tokens,
            output_tokens=self._last.output_tokens or self._written_tokens(),
            tool_calls=tuple(self._calls),
            stop_reason=self._last.stop_reason,
            logprobs=tuple(self._logprobs) if state == "done" else (),
            persona=self._persona.name if self._persona else None,
            persona_version=self._persona.version if self._persona else None,
        )

    def _written_tokens(self) -> int:
        """By their ids; about, where the engine gave none of what it wrote."""
        asked = self._prompt_tokens > 0
        if self._token_ids or not asked or not (self._text or self._calls):
            return len(self._token_ids)
        return tokens_of(self._text, *(call.arguments for call in self._calls))


def _clean(call: ToolCall) -> ToolCall:
    return ToolCall(clean(call.id), clean(call.name), clean(call.arguments))


def _clean_logprob(one: TokenLogprob) -> TokenLogprob:
    top = tuple((clean(token), chance) for token, chance in one.top)
    return TokenLogprob(clean(one.token), one.logprob, top)
