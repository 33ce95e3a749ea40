"""The worker: leases turns, asks the engine, publishes deltas, writes checkpoints.

One worker has one engine, which its supervisor keeps alive. It finds work by Redis signals, and by
looking into Postgres every second in case a signal was lost. All that it writes is fenced by the
turn's attempt number: when another worker has taken a turn over, this one's writes match nothing
and it drops the turn.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from assistant.answering.context import ContextBuilder
from assistant.answering.deadlines import CODE, SENTENCE
from assistant.answering.deltas import DeltaWriter
from assistant.answering.reply import RunningReply
from assistant.answering.supervision import SLEEPS, Supervisor
from assistant.answering.traces import Traces
from assistant.answering.turns import LEAVE_SECONDS, Claimant, ClaimedTurn, Outcome, Turns
from assistant.engine_reading import EnginePulse
from assistant.errors import StorageUnavailable
from assistant.metrics import Metrics
from assistant.settings import AssistantSettings
from assistant.signals import Signals, WorkerPresence
from assistant.storage.heartbeat import Heartbeat
from inference.api import Engine
from inference.errors import EngineError

log = structlog.get_logger()

LOOK_SECONDS = 1.0  # how often Postgres is asked for work without a signal
TOGETHER_SECONDS = 0.005  # who comes in the same moment is claimed, and read, in one statement
LEAST_TURNS = 32  # at once, where the settings don't say
WATCH_SECONDS = 0.5  # how often it is asked whether a running turn was stopped
ANNOUNCE_SECONDS = 2.0
INTERNAL = "Something went wrong here. Please try again."
BACKOFF_SECONDS = (0.5, 2.0, 5.0, 15.0)


@dataclass(slots=True)
class Worker:
    name: str
    supervisor: Supervisor
    turns: Turns
    context: ContextBuilder
    deltas: DeltaWriter
    signals: Signals
    heartbeat: Heartbeat
    settings: AssistantSettings
    metrics: Metrics
    traces: Traces
    _running: dict[tuple[int, int], RunningReply] = field(default_factory=dict, init=False)
    _tasks: dict[tuple[int, int], asyncio.Task[None]] = field(default_factory=dict, init=False)
    _slot_freed: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    # Whoever holds it lets no turn be claimed.
    _claiming: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _ending: bool = field(default=False, init=False)  # the engine is to be built anew
    _looked: float = field(default=0.0, init=False)  # when turns that were let go were looked for
    _pulse: EnginePulse = field(default_factory=EnginePulse, init=False)
    draining: bool = field(default=False, init=False)

    @property
    def engine(self) -> Engine:
        return self.supervisor.engine

    async def run(self) -> None:
        """Start the engine, then work until cancelled. What then runs is given back at once."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._announce())
                group.create_task(self.supervisor.run())
                await self.supervisor.able()
                group.create_task(self._watch())
                group.create_task(self._checkpoint())
                group.create_task(self.traces.run())
                group.create_task(self._obey_stops())
                if self.engine.info.generates:
                    group.create_task(self._work(group))
        finally:
            await self.signals.leave(self.name)
            await self.traces.write()

    async def drain(self) -> None:
        """Claim no further turn; return when none runs here any more."""
        self.draining = True
        self.supervisor.changed.set()  # everybody shall know now
        await self._idle()

    async def restart_engine(self, within_seconds: float) -> int:
        """Claim nothing, let what runs end within so long, and build the engine anew. What is left
        goes on in place, here or at another worker; returns how many those were.

        Raises EngineUnavailable where it does not start again: the worker ends of it too.
        """
        async with self._claiming:
            self._ending = True
            self.supervisor.changed.set()
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(within_seconds):
                        await self._idle()
                left = list(self._tasks.values())
                for task in left:
                    task.cancel()
                await self._idle()
            finally:
                self._ending = False
            await self.supervisor.renew()
        return len(left)

    async def _idle(self) -> None:
        while self._running:
            self._slot_freed.clear()
            await self._slot_freed.wait()

    def presence(self) -> WorkerPresence:
        return WorkerPresence(
            worker=self.name,
            state="draining" if self.draining or self._ending else self.supervisor.state,
            detail=self.supervisor.detail,
            info=self.engine.info if self.supervisor.answers else None,
            running_turns=len(self._running),
            room=self._room if self.supervisor.answers and not self._claims_nothing else 0,
            reading=self._pulse.reading(),
        )

    async def _announce(self) -> None:
        """Say what this worker is, every few seconds and whenever it changes."""
        while True:
            self.supervisor.changed.clear()
            if self.supervisor.answers:
                self._pulse.take(self.engine.statistics())
            await self.signals.announce(self.presence())
            with suppress(TimeoutError):
                async with asyncio.timeout(ANNOUNCE_SECONDS if self.supervisor.answers else 0.5):
                    await self.supervisor.changed.wait()

    @property
    def _claims_nothing(self) -> bool:
        return self.draining or self._ending

    @property
    def _room(self) -> int:
        most = self.settings.concurrent_turns
        most = most or max(self.engine.info.max_num_seqs, LEAST_TURNS)
        return max(most - len(self._running), 0)

    async def _work(self, group: asyncio.TaskGroup) -> None:
        offered = False
        while not self.draining:
            await self.supervisor.able()
            room = self._room
            if room <= 0:
                self._slot_freed.clear()
                await self._slot_freed.wait()
                continue
            if await self._begin(room, group):
                offered = False
                await asyncio.sleep(TOGETHER_SECONDS)
                continue
            if self.supervisor.state in SLEEPS:  # those that are awake are offered turns first
                await asyncio.sleep(LOOK_SECONDS)
                continue
            # What was offered and isn't there may be left to another worker, for a moment.
            seconds = LEAVE_SECONDS if offered else LOOK_SECONDS
            offered = await self.signals.wait_for_turn(self.name, seconds, room)
        await self.signals.wake_worker(0)  # what was offered here last is another's now

    async def _begin(self, room: int, group: asyncio.TaskGroup) -> bool:
        """Claim what there is room for, and begin with it. False where there is nothing."""
        async with self._claiming:
            claimed = [] if self.draining else await self._claim(room)
            for turn in claimed:
                trace = self.traces.begin(turn, self.engine.info)
                reply = RunningReply(
                    turn, self.engine, self.turns, self.deltas, self.settings, trace
                )
                key = turn.id, turn.attempt
                self._running[key] = reply
                self._tasks[key] = group.create_task(self._answer(reply))
        return bool(claimed)

    async def _claim(self, room: int) -> Sequence[ClaimedTurn]:
        """First what somebody else let go, at most once in LOOK_SECONDS; else the queue."""
        info = self.engine.info
        mine = Claimant(
            self.name,
            self.settings.lease_seconds,
            info.fingerprint,
            info.profile,
            by_text=info.continues,
            running=[turn for turn, _ in self._running],
        )
        try:
            if time.monotonic() - self._looked > LOOK_SECONDS / 2:
                self._looked = time.monotonic()
                if left := await self.turns.take_over(mine, room):
                    return left
            return await self.turns.claim(mine, room)
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
                reply.trace.note_ended(measured.outcome)
        except StorageUnavailable:
            log.warning("turn_left", turn=turn.id, attempt=turn.attempt, reason="storage")
        except Exception:  # one turn's fault must not end the others
            log.exception("turn_left", turn=turn.id, attempt=turn.attempt)
            await self._give_up(reply)
        finally:
            if reply.trace.ended is None:
                reply.trace.note_ended("left")
            del self._running[turn.id, turn.attempt]
            self._tasks.pop((turn.id, turn.attempt), None)
            self._slot_freed.set()
        await self.signals.wake_worker(
            turn.id, self.name
        )  # the conversation's next turn may run now

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
        if not turn.readable:
            return await self._end(reply, reply.failed("internal", INTERNAL))
        try:
            seconds = min(self.settings.turn_seconds, turn.seconds_left)
            async with asyncio.timeout(seconds), self.supervisor.using(reply.stopping):
                outcome = await reply.generate(self.context)
        except asyncio.CancelledError:
            await asyncio.shield(reply.hand_over())
            raise
        except TimeoutError:
            ended = "timeout", "This took too long. Please try again."
            if turn.seconds_left <= self.settings.turn_seconds:
                ended = CODE, SENTENCE
            outcome = reply.failed(*ended, in_time=False)
        except EngineError as error:
            self.supervisor.look_now()
            if error.retryable and turn.failures + 1 < self.settings.attempts:
                pause = BACKOFF_SECONDS[min(turn.failures, len(BACKOFF_SECONDS) - 1)]
                bound.warning("attempt_failed", code=error.code, retry_in_seconds=pause)
                await reply.hand_over(pause, error.code, failed=True)
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
