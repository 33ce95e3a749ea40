"""How Outrider is asked to end: once in good order, twice at once."""

from __future__ import annotations

import asyncio


class Stop:
    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._at_once = asyncio.Event()

    def ask(self) -> None:
        """Once: what runs may end in time. Again: nothing is waited for any more."""
        if self._asked.is_set():
            self._at_once.set()
        self._asked.set()

    def ask_at_once(self) -> None:
        self._asked.set()
        self._at_once.set()

    @property
    def asked(self) -> bool:
        return self._asked.is_set()

    async def until_asked(self) -> None:
        await self._asked.wait()

    async def until_at_once(self) -> None:
        await self._at_once.wait()
