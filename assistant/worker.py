"""The worker: leases turns, asks the engine, publishes deltas, writes checkpoints.

One worker owns one engine. It finds work by Redis signals, and by looking into Postgres every
second in case a signal was lost. All that it writes is fenced by the turn's attempt number: when
another worker has taken a turn over, this one's writes match nothing and it drops the turn.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import structlog

from assistant.context import ContextBuilder
from assistant.deltas import DeltaWriter
from assistant.errors import StorageUnavailable
from assistant.metrics import Metrics
from assistant.reply import RunningReply
from assistant.settings import AssistantSettings
from assistant.signals import Signals, WorkerPresence
from assistant.turns import ClaimedTurn, Outcome, Turns
from inference.api import Engine, Progress
from inference.errors import EngineError, EngineUnavailable

log = structlog.get_logger()

LOOK_SECONDS = 1.0  # how often Postgres is asked for work without a signal
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
    settings: AssistantSettings
    metrics: Metrics
    progress: Progress  # shows a person how far the engine's start is
    _running: dict[tuple[int, int], RunningReply] = field(default_factory=dict, init=False)
    _progress: str = field(default="", init=False)
    _slot_freed: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _able: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def run(self) -> None:
        """Start the engine, then work until cancelled. What then runs is given back at once."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._announce())
                await self.engine.start(self._note_progress)
                log.info("engine_ready", model=self.engine.info.model)
                group.create_task(self._heartbeat())
                group.create_task(self._obey_stops())
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
                # A healthy worker must not be outrun by one that fails at once.
                raise EngineUnavailable(f"The model has died: {health.detail} Start again.")
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

    async def _work(self, group: asyncio.TaskGroup) -> None:
        while True:
            await self._able.wait()
            if len(self._running) >= self.settings.concurrent_turns:
                self._slot_freed.clear()
                await self._slot_freed.wait()
                continue
            turn = await self._claim()
            if turn is None:
                await self.signals.wait_for_turn(self.name, LOOK_SECONDS)
            else:
                reply = RunningReply(turn, self.engine, self.turns, self.deltas, self.settings)
                self._running[turn.id, turn.attempt] = reply
                group.create_task(self._answer(reply))

    async def _claim(self) -> ClaimedTurn | None:
        try:
            return await self.turns.claim(
                self.name, self.settings.lease_seconds, self.engine.info.fingerprint
            )
        except StorageUnavailable:
            return None

    async def _answer(self, reply: RunningReply) -> None:
        turn = reply.turn
        try:
            with self.metrics.turn(turn.channel) as measured:
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
            await reply.finish(Outcome("failed", error_code="internal", error=INTERNAL))
        except Exception:
            log.exception("turn_not_ended", turn=reply.turn.id)

    async def _attempt(self, reply: RunningReply) -> str:
        """One try; returns the turn's state for the metrics. Cancelled: gives the turn back."""
        turn = reply.turn
        bound = log.bind(turn=turn.id, attempt=turn.attempt)
        if turn.attempt > 2 * self.settings.attempts:  # also of attempts that killed their worker
            outcome = reply.failed("attempts", INTERNAL)
            await reply.finish(outcome)
            return outcome.state
        try:
            async with asyncio.timeout(self.settings.turn_seconds):
                outcome = await reply.generate(self.context)
        except asyncio.CancelledError:
            await asyncio.shield(self.turns.release(turn, 0, "shutdown"))
            raise
        except TimeoutError:
            outcome = reply.failed("timeout", "This took too long. Please try again.")
        except EngineError as error:
            if error.retryable and turn.attempt < self.settings.attempts:
                pause = BACKOFF_SECONDS[min(turn.attempt - 1, len(BACKOFF_SECONDS) - 1)]
                bound.warning("attempt_failed", code=error.code, retry_in_seconds=pause)
                await self.turns.release(turn, pause, error.code)
                return "retried"
            outcome = reply.failed(error.code, str(error))
        except StorageUnavailable:
            raise
        except Exception:
            bound.exception("turn_crashed")
            outcome = reply.failed("internal", INTERNAL)
        await reply.finish(outcome)
        bound.info(
            "turn_ended",
            state=outcome.state,
            code=outcome.error_code,
            output_tokens=outcome.output_tokens,
            cached_tokens=outcome.cached_tokens,
        )
        self.metrics.tokens(outcome.prompt_tokens, outcome.output_tokens, outcome.cached_tokens)
        return outcome.state

    async def _obey_stops(self) -> None:
        async for turn_id in self.signals.stops():
            for (running_id, _), reply in self._running.items():
                if running_id == turn_id:
                    reply.stop()

    async def _heartbeat(self) -> None:
        """Renew the leases; find turns that were stopped or taken away while Redis was silent."""
        while True:
            await asyncio.sleep(self.settings.lease_seconds / 4)
            mine = dict(self._running)
            try:
                held = await self.turns.renew(
                    self.name, self.settings.lease_seconds, [turn for turn, _ in mine]
                )
            except StorageUnavailable:
                continue
            for turn, reply in mine.items():
                if turn not in held:
                    reply.abandon()
                elif held[turn]:
                    reply.stop()
