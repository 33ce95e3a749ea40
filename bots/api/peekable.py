"""An iterator whose first item is waited for, but not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Generic, TypeVar

from bots.closing import closing

T = TypeVar("T")


class Peekable(Generic[T]):
    """Gives what `source` gives, and closes it."""

    def __init__(self, source: AsyncIterator[T]) -> None:
        self._source = source
        self._first: asyncio.Task[T] | None = None

    async def first(self, seconds: float) -> Sequence[T]:
        """The first item, which is given again to who iterates; none where it isn't there within
        so long. Raises what the source raises in its place."""
        self._first = asyncio.create_task(_next(self._source))
        try:
            await asyncio.wait({self._first}, timeout=seconds)
        except asyncio.CancelledError:
            await self.aclose()
            raise
        return [self._first.result()] if self._first.done() else []

    def __aiter__(self) -> Peekable[T]:
        return self

    async def __anext__(self) -> T:
        if self._first is None:
            return await anext(self._source)
        first, self._first = self._first, None
        return await first

    async def aclose(self) -> None:
        async with closing(self._source):
            if self._first is not None:
                self._first.cancel()
                await asyncio.gather(self._first, return_exceptions=True)


async def _next(source: AsyncIterator[T]) -> T:
    return await anext(source)
