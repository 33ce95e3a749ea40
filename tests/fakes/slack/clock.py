"""Time: the wall's, or one that tests move by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    def __call__(self) -> float:
        """Seconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class WallClock:
    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now

    def __call__(self) -> float:
        return self._now()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class HandClock:
    """Stands still until it is moved: rates, streams and redeliveries all go by it."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self.seconds = start
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def __call__(self) -> float:
        return self.seconds

    @property
    def waited_for(self) -> list[float]:
        """In how many seconds somebody wants to be woken, the soonest first."""
        return sorted(due - self.seconds for due, _ in self._sleepers)

    def advance(self, seconds: float) -> None:
        self.seconds += seconds
        for due, bell in self._sleepers:
            if due <= self.seconds:
                bell.set()

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper = (self.seconds + seconds, asyncio.Event())
        self._sleepers.append(sleeper)
        try:
            await sleeper[1].wait()
        finally:
            self._sleepers.remove(sleeper)


async def within(clock: Clock, seconds: float, work: Awaitable[T]) -> T:
    """The result of `work`, or TimeoutError where the clock was faster."""
    task, bell = asyncio.ensure_future(work), asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait((task, bell), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        for one in (task, bell):
            one.cancel()
        await asyncio.gather(task, bell, return_exceptions=True)
