"""The worker: leases turns, asks the engine, publishes deltas, writes checkpoints.

One worker owns one engine, and builds it anew when it has died. It finds work by Redis signals,
and by looking into Postgres every second in case a signal was lost. All that it writes is fenced
by the turn's attempt number: when another worker has taken a turn over, this one's writes match
nothing and it drops the turn.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from assistant.answering.context import ContextBuilder
from assistant.answering.deltas import DeltaWriter
from assistant.answering.reply import RunningReply
from assistant.answering.turns import ClaimedTurn, Outcome, Turns
from assistant.errors import StorageUnavailable
from assistant.metrics import Metrics
from assistant.settings import AssistantSettings
from assistant.signals import Signals, WorkerPresence
from assistant.storage.heartbeat import Heartbeat
from inference.api import Engine, Progress
from inference.errors import EngineError

log = structlog.get_logger()

LOOK_SECONDS = 1.0  # how often Postgres is asked for work without a signal
TOGETHER_SECONDS = 0.005  # who comes in the same moment is claimed, and read, in one statement
WATCH_SECONDS = 0.5  # how often it is asked whether a running turn was stopped
REBUILDS = 3  # of an engine that does not start again, before the worker gives up
ANNOUNCE_SECONDS = 2.0
INTERNAL = "Something went wrong here. Please try again."
BACKOFF_SECONDS = (0.5, 2.0, 5.0, 15.0)


@dataclass(slots=True)
class Worker:
    name: str
    engine: Engine
    turns: Turns
    context: ContextBuilder
    deltas: DeltaWriter
    signals: Signals
    heartbeat: Heartbeat
    settings: AssistantSettings
    metrics: Metrics
    progress: Progress  # shows a person how far the engine's start is
    _running: dict[tuple[int, int], RunningReply] = field(default_factory=dict, init=False)
    _progress: str = field(default="", init=False)
    _slot_freed: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _able: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _looked: float = field(default=0.0, init=False)  # when turns that were let go were looked for
    _died: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def run(self) -> None:
        """Start the engine, then work until cancelled. What then runs is given back at once."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._announce())
                await self.engine.start(self._note_progress)
                log.info("engine_ready", model=self.engine.info.model)
                group.create_task(self._revive())
                group.create_task(self._watch())
                group.create_task(self._checkpoint())
                group.create_task(self._obey_stops())
                if self.engine.info.generates:
                    group.create_task(self._work(group))
        finally:
            await self.signals.leave(self.name)

    def _note_progress(self, line: str, share: float | None) -> None:
        self._progress = line if share is None else f"{line} ({share:.0%})"
        self.progress(line, share)

    async def _announce(self) -> None:
        while True:
            health = await self.engine.health()
            ready = health.state == "ready"
            (self._able.set if ready else self._able.clear)()
            if health.state == "dead" and self.engine.info.profile != "remote":
                self._died.set()
            await self.signals.announce(
                WorkerPresence(
                    worker=self.name,
                    state=health.state,
                    detail=health.detail or ("" if ready else self._progress),
                    info=self.engine.info if ready else None,
                    running_turns=len(self._running),
                )
            )
            await asyncio.sleep(ANNOUNCE_SECONDS if ready else 0.5)

    async def _revive(self) -> None:
        """Build a dead engine anew; its turns wait meanwhile, or go to another worker."""
        while True:
            await self._died.wait()
            log.error("engine_died", detail=(await self.engine.health()).detail)
            await self._rebuild()
            self._died.clear()

    async def _rebuild(self) -> None:
        for again in reversed(range(REBUILDS)):
            await self.engine.stop()
            try:
                await self.engine.start(self._note_progress)
            except EngineError as error:
                log.error("engine_not_rebuilt", code=error.code, tries_left=again)
                if not again:
                    raise
                await asyncio.sleep(BACKOFF_SECONDS[-1])
            else:
                log.info("engine_rebuilt", model=self.engine.info.model)
                return

    async def _work(self, group: asyncio.TaskGroup) -> None:
        while True:
            await self._able.wait()
            room = self.settings.concurrent_turns - len(self._running)
            if room <= 0:
                self._slot_freed.clear()
                await self._slot_freed.wait()
                continue
            claimed = await self._claim(room)
            for turn in claimed:
                reply = RunningReply(turn, self.engine, self.turns, self.deltas, self.settings)
                self._running[turn.id, turn.attempt] = reply
                group.create_task(self._answer(reply))
            if claimed:
                await asyncio.sleep(TOGETHER_SECONDS)
            else:
                await self.signals.wait_for_turn(self.name, LOOK_SECONDS, room)

    async def _claim(self, room: int) -> Sequence[ClaimedTurn]:
        """First what somebody else let go, at most once in LOOK_SECONDS; else the queue."""
        who = (self.name, self.settings.lease_seconds, self.engine.info.fingerprint, room)
        try:
            if time.monotonic() - self._looked > LOOK_SECONDS / 2:
                self._looked = time.monotonic()
                if left := await self.turns.take_over(*who):
                    return left
            return await self.turns.claim(*who)
        except StorageUnavailable:
            return []

    async def _answer(self, reply: RunningReply) -> None:
        turn = reply.turn
        try:
            with (
                self.heartbeat.holding("turn", turn.id, turn.attempt, lost=reply.abandon),
                self.metrics.turn(turn.channel) as measured,
            ):
                measured.outcome = await self._attempt(reply)
        except StorageUnavailable:
            log.warning("turn_left", turn=turn.id, attempt=turn.attempt, reason="storage")
        except Exception:  # one turn's fault must not end the others
            log.exception("turn_left", turn=turn.id, attempt=turn.attempt)
            await self._give_up(reply)
        finally:
            del self._running[turn.id, turn.attempt]
            self._slot_freed.set()
        await self.signals.wake_worker(turn.id)  # the conversation's next turn may run now

    async def _give_up(self, reply: RunningReply) -> None:
        """Its outcome could not be written as it is: say so instead of trying for ever."""
        try:
            await self._end(reply, Outcome("failed", error_code="internal", error=INTERNAL))
        except Exception:
            log.exception("turn_not_ended", turn=reply.turn.id)

    async def _attempt(self, reply: RunningReply) -> str:
        """One try; returns the turn's state for the metrics. Cancelled: gives the turn back."""
        turn = reply.turn
        bound = log.bind(turn=turn.id, attempt=turn.attempt)
        if turn.failures >= 2 * self.settings.attempts:  # also those that killed their worker
            return await self._end(reply, reply.failed("attempts", INTERNAL))
        try:
            async with asyncio.timeout(self.settings.turn_seconds):
                outcome = await reply.generate(self.context)
        except asyncio.CancelledError:
            await asyncio.shield(reply.hand_over())
            raise
        except TimeoutError:
            outcome = reply.failed("timeout", "This took too long. Please try again.")
        except EngineError as error:
            if error.retryable and turn.failures + 1 < self.settings.attempts:
                pause = BACKOFF_SECONDS[min(turn.failures, len(BACKOFF_SECONDS) - 1)]
                bound.warning("attempt_failed", code=error.code, retry_in_seconds=pause)
                await self.turns.release(turn, pause, error.code, failed=True)
                return "retried"
            outcome = reply.failed(error.code, str(error))
        except StorageUnavailable:
            raise
        except Exception:
            bound.exception("turn_crashed")
            outcome = reply.failed("internal", INTERNAL)
        return await self._end(reply, outcome)

    async def _end(self, reply: RunningReply, outcome: Outcome) -> str:
        if not await reply.finish(outcome):
            return "abandoned"
        failed = outcome.state == "failed"
        (log.warning if failed else log.info)(
            "turn_ended",
            turn=reply.turn.id,
            attempt=reply.turn.attempt,
            state=outcome.state,
            code=outcome.error_code,
            output_tokens=outcome.output_tokens,
            cached_tokens=outcome.cached_tokens,
        )
        if failed:
            self.metrics.failure(reply.turn.channel, outcome.error_code)
        self.metrics.tokens(outcome.prompt_tokens, outcome.output_tokens, outcome.cached_tokens)
        return outcome.state

    async def _obey_stops(self) -> None:
        async for signal in self.signals.stops():
            for (turn_id, attempt), reply in self._running.items():
                if turn_id == signal.turn_id and signal.attempt is None:
                    reply.stop()
                elif (turn_id, attempt) == (signal.turn_id, signal.attempt):
                    reply.abandon()

    async def _checkpoint(self) -> None:
        """Write what the running replies have so far, off the way of the tokens."""
        while True:
            await asyncio.sleep(self.settings.checkpoint_seconds)
            replies = [(reply, reply.unwritten()) for reply in self._running.values()]
            found = [(reply, piece) for reply, piece in replies if piece is not None]
            if not found:
                continue
            try:
                written = await self.turns.checkpoint([piece for _, piece in found])
            except StorageUnavailable:
                continue
            for reply, piece in found:
                if (piece.turn, piece.attempt) in written:
                    reply.written(piece)

    async def _watch(self) -> None:
        """Find turns that were stopped or taken away while Redis was silent."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            mine = dict(self._running)
            if not mine:
                continue
            try:
                running = await self.turns.watch([turn for turn, _ in mine])
            except StorageUnavailable:
                continue
            for turn, reply in mine.items():
                if turn not in running:
                    reply.abandon()
                elif running[turn]:
                    reply.stop()
