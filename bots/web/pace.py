"""Deltas come by the token; a page is redrawn a dozen times a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

from bots.closing import closing

T = TypeVar("T")

_END = object()


async def batches(
    source: AsyncIterator[T], pause_seconds: float, quiet_seconds: float
) -> AsyncIterator[list[T]]:
    """What came since the last batch, the first at once, then at most one each `pause_seconds`.

    An empty batch says that nothing came for `quiet_seconds`. Closes `source` at the end.
    """
    queue: asyncio.Queue[object] = asyncio.Queue()
    pump = asyncio.create_task(_pump(source, queue))
    try:
        while True:
            batch: list[T]
            batch, ended = await _take(queue, quiet_seconds)
            if batch or not ended:
                yield batch
            if ended:
                await pump  # raises what the source raised
                return
            if batch:
                await asyncio.sleep(pause_seconds)
    finally:
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)


async def _take(queue: asyncio.Queue[object], quiet_seconds: float) -> tuple[list[T], bool]:
    try:
        async with asyncio.timeout(quiet_seconds):
            items = [await queue.get()]
    except TimeoutError:
        return [], False
    while not queue.empty():
        items.append(queue.get_nowait())
    ended = items[-1] is _END
    return items[:-1] if ended else items, ended  # type: ignore[return-value]


async def _pump(source: AsyncIterator[T], queue: asyncio.Queue[object]) -> None:
    try:
        async with closing(source):
            async for item in source:
                queue.put_nowait(item)
    finally:
        queue.put_nowait(_END)
