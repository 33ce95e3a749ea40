"""Several iterators at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

from bots.closing import closing

T = TypeVar("T")


async def together(sources: Sequence[AsyncIterator[T]]) -> AsyncIterator[tuple[int, T]]:
    """What each gives, as it comes, with the source's number. What one raises ends all."""
    waiting = {asyncio.create_task(_next(one)): number for number, one in enumerate(sources)}
    try:
        while waiting:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                number = waiting.pop(task)
                item = task.result()
                if item is not None:
                    waiting[asyncio.create_task(_next(sources[number]))] = number
                    yield number, item
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for source in sources:
            async with closing(source):
                pass


async def _next(source: AsyncIterator[T]) -> T | None:
    return await anext(source, None)
