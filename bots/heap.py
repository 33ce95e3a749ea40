"""Python's heap: nearly all that a start makes stays, and is not looked through again.

The collector's full passes stop everything, for longer the more there is: with two hundred replies
at once they were most of what a token waited for.
"""

from __future__ import annotations

import asyncio
import gc

from inference.api import Engine

THRESHOLDS = (50_000, 20, 20)  # of new objects; cycles are rare here
LOOK_SECONDS = 0.5


def look_rarely() -> None:
    """From the first import on: of what modules are made of, nothing is garbage."""
    gc.set_threshold(*THRESHOLDS)


def settle() -> None:
    """What stands now is looked through for a last time."""
    gc.collect()
    gc.freeze()
    look_rarely()


async def settle_when_started(engine: Engine | None) -> None:
    """`engine` brings most of the objects, where there is one."""
    while engine is not None and (await engine.health()).state != "ready":  # noqa: ASYNC110
        await asyncio.sleep(LOOK_SECONDS)
    settle()
