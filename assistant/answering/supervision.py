"""The supervisor: starts one engine, watches it, builds it anew, and lets it sleep.

An engine whose process has ended, or that makes no step while answers wait, is ended whole and
built again in this process. What it was answering fails at once with a retryable error, so its
turns go back into the queue and go on in place, here or at another worker.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

import structlog

from assistant.answering.start_clock import StartClock
from inference.api import Engine, EngineState, Progress
from inference.errors import EngineError, EngineUnavailable
from inference.stillness import Stillness

log = structlog.get_logger()

# An engine's state, and what is being done with it.
SupervisedState = EngineState | Literal["waking", "rebuilding"]

LOOK_SECONDS = 0.5
PAUSES_SECONDS = (1.0, 5.0)  # before a further try to build an engine that does not start
ANSWERS: frozenset[SupervisedState] = frozenset({"ready", "asleep", "waking"})
ASKED = "asked"  # why an engine was built anew that nothing was wrong with
SLEEPS: frozenset[SupervisedState] = frozenset({"asleep", "waking"})


@dataclass(slots=True)
class Supervisor:
    """`state` and `detail` are true at any moment: "ready" only when a first token was generated.

    `stuck_after_seconds` and `sleep_after_seconds` are explained in inference/settings.py.
    """

    engine: Engine
    progress: Progress  # shows a person how far the engine's start is
    stuck_after_seconds: float = 60.0
    sleep_after_seconds: float = 0.0
    state: SupervisedState = field(default="starting", init=False)
    detail: str = field(default="", init=False)
    start_seconds: Mapping[str, float] = field(default_factory=dict, init=False)
    rebuilds: Counter[str] = field(default_factory=Counter, init=False)  # by their reason
    changed: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _able: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _awake: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _poked: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _can_sleep: bool = field(default=True, init=False)  # until it didn't
    _users: int = field(default=0, init=False)
    _used: float = field(default_factory=time.monotonic, init=False)
    _stillness: Stillness = field(init=False)
    _renewed: asyncio.Future[None] | None = field(default=None, init=False)  # where it was asked

    def __post_init__(self) -> None:
        self._stillness = Stillness(self.stuck_after_seconds)

    async def run(self) -> None:
        """Start the engine and keep it until cancelled. Raises EngineError: it does not start, or
        not again."""
        await self._start()
        while True:
            await self._look()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._poked.wait()
            self._poked.clear()

    @property
    def answers(self) -> bool:
        """Whether a turn that comes now would be answered."""
        return self.state in ANSWERS

    async def able(self) -> None:
        """Return when a turn that is claimed now would be answered: ready, or asleep."""
        await self._able.wait()

    @asynccontextmanager
    async def using(self, unless: asyncio.Event | None = None) -> AsyncIterator[None]:
        """The engine stays awake for the block, and is woken before it. Where it can't be used,
        it says so itself when it is asked. `unless`: once this is set, it isn't waited for."""
        self._users += 1
        try:
            if self.state in SLEEPS:
                self._poked.set()
            if not self._awake.is_set():
                await _either(self._awake, unless or self._awake)
            yield
        finally:
            self._users -= 1
            self._used = time.monotonic()

    async def renew(self) -> None:
        """Build the engine anew, because somebody asks; returns when it answers again. Raises
        EngineUnavailable where it doesn't."""
        if self._renewed is None:
            self._renewed = asyncio.get_running_loop().create_future()
        self._poked.set()
        await asyncio.shield(self._renewed)

    def look_now(self) -> None:
        """Somebody was refused by the engine: see what it is before the next look's time."""
        self._poked.set()

    async def _start(self) -> None:
        clock = StartClock(self._note)
        await self.engine.start(clock)
        self.start_seconds = clock.seconds
        self._used = time.monotonic()
        self._become("ready")
        seconds = {phase: round(spent, 2) for phase, spent in clock.seconds.items()}
        log.info("engine_ready", model=self.engine.info.model, seconds_by_phase=seconds)

    async def _look(self) -> None:
        if self._renewed is not None:
            await self._renew(self._renewed)
            return
        health = await self.engine.health()
        if health.state == "dead":
            await self._rebuild("died", health.detail)
        elif health.state == "asleep":
            await self._wake_when_used()
        elif self._stillness.stuck(self.engine.statistics(), time.monotonic()):
            await self._rebuild("stuck", self._why_stuck())
        elif health.state == "ready" and self._unused():
            await self._sleep()
        else:
            self._become(health.state, health.detail)

    def _why_stuck(self) -> str:
        waiting = self.engine.statistics().requests_running
        answers = "an answer" if waiting == 1 else f"{waiting} answers"
        return f"no step for {self.stuck_after_seconds:g} seconds while {answers} waited"

    def _unused(self) -> bool:
        if not (self.sleep_after_seconds and self._can_sleep):
            return False
        if self._users or self.engine.statistics().requests_running:
            return False
        return time.monotonic() - self._used > self.sleep_after_seconds

    async def _sleep(self) -> None:
        self._become("asleep")
        try:
            await self.engine.sleep()
        except EngineError as error:
            self._can_sleep = False  # what it lacked it will lack again
            log.error("engine_sleeps_no_more", reason=str(error))
            await self._rebuild("died", str(error))
        else:
            log.info("engine_asleep", unused_seconds=self.sleep_after_seconds)

    async def _wake_when_used(self) -> None:
        if not self._users:
            return
        self._become("waking")
        begun = time.monotonic()
        try:
            await self.engine.wake(self._note)
        except EngineError as error:
            await self._rebuild("died", str(error))
        else:
            self._become("ready")
            log.info("engine_awake", after_seconds=round(time.monotonic() - begun, 2))

    async def _renew(self, renewed: asyncio.Future[None]) -> None:
        try:
            await self._rebuild(ASKED, "an admin restarts it")
        except EngineUnavailable as error:
            renewed.set_exception(error)
            raise
        self._renewed = None
        renewed.set_result(None)

    async def _rebuild(self, reason: str, detail: str) -> None:
        """Raises EngineUnavailable when it does not start again, after some tries."""
        (log.info if reason == ASKED else log.error)("engine_died", reason=reason, detail=detail)
        self.rebuilds[reason] += 1
        self._become("rebuilding", detail)
        for pause in (*PAUSES_SECONDS, None):
            await self.engine.stop()
            try:
                await self._start()
            except EngineError as error:
                log.error("engine_not_rebuilt", code=error.code, next_try_in_seconds=pause)
                self._become("dead", str(error))
                if pause is None:
                    raise EngineUnavailable(
                        "The model broke off and could not be started again, so this worker ends; "
                        f"others take its turns. {error}"
                    ) from error
                await asyncio.sleep(pause)
                self._become("rebuilding", str(error))
            else:
                log.info("engine_rebuilt", reason=reason)
                return

    def _note(self, line: str, share: float | None) -> None:
        if self.state not in ("ready", "asleep"):
            self.detail = line if share is None else f"{line} ({share:.0%})"
        self.progress(line, share)

    def _become(self, state: SupervisedState, detail: str = "") -> None:
        if state != self.state:
            self.changed.set()
        self.state, self.detail = state, detail
        (self._able.set if state in ANSWERS else self._able.clear)()
        (self._awake.clear if state in SLEEPS else self._awake.set)()


async def _either(*events: asyncio.Event) -> None:
    """Return when one of them is set."""
    waiting = {asyncio.create_task(one.wait()) for one in events}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
