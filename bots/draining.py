"""What ends before everything else does, and in which order.

    1. the ways in      listeners stop; what still comes by HTTP is stored for who runs next
    2. the turns        none is claimed any more; those that run may end
    3. the readers      pages and clients of the API that follow them get their ends
    4. the deliveries   none is claimed any more; ends that are on their way to a platform get there

Whatever is left when the time is over is handed over: turns with all that was said so far,
deliveries with what stands on the platform.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from assistant.answering.deltas import DeltaReader
from assistant.answering.worker import Worker
from assistant.outgoing.delivery import Delivery
from bots.stop import Stop

log = structlog.get_logger()


@dataclass(slots=True)
class Draining:
    """The parts of one process that drain; they are added as they are built."""

    stop: Stop
    seconds: float
    say: Callable[[str], None]
    listeners: list[asyncio.Task[None]] = field(default_factory=list)
    worker: Worker | None = None
    reader: DeltaReader | None = None
    delivery: Delivery | None = None

    async def run(self) -> None:
        """Once the end is asked for: drain, for `seconds` at most, or until it is asked again."""
        await self.stop.until_asked()
        log.info("stopping")
        for one in self.listeners:
            one.cancel()
        drained = asyncio.create_task(self._drain())
        at_once = asyncio.create_task(self.stop.until_at_once())
        try:
            await asyncio.wait(
                {drained, at_once}, timeout=self.seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in (drained, at_once):
                task.cancel()
            await asyncio.wait({drained, at_once})
        if not drained.cancelled():
            drained.result()

    async def _drain(self) -> None:
        if self.worker is not None:
            if running := self.worker.presence().running_turns:
                answers = "1 answer" if running == 1 else f"{running} answers"
                within = f"{self.seconds:g} seconds"
                self.say(f"Ending {answers}, within {within}. Once more, and it ends at once.")
            await self.worker.drain()
        if self.reader is not None:
            await self.reader.drain()
        if self.delivery is not None:
            await self.delivery.drain()
