"""The ways in of one process: each is kept open, is off where its platform refuses it, and is
opened anew when an admin asks.

One that broke off by a fault of ours is tried again by itself; one whose token the platform refused
waits for somebody, since asking on with it would get the account barred.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from assistant.errors import ChannelError, DirectiveRefused
from assistant.processes import WayInState, WayState
from assistant.storage.leases import Leases

log = structlog.get_logger()

AGAIN_SECONDS = 30.0

Run = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Listener:
    """Takes messages in for as long as it runs. `exclusive`: only one replica may run it."""

    name: str
    run: Run
    exclusive: bool


@dataclass(slots=True)
class _Way:
    listener: Listener
    state: WayState = "starting"
    reason: str = ""
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    again: asyncio.Event = field(default_factory=asyncio.Event)

    def become(self, state: WayState, reason: str = "") -> None:
        if (state, reason) != (self.state, self.reason):
            self.since = datetime.now(UTC)
        self.state, self.reason = state, reason


@dataclass(slots=True)
class WaysIn:
    leases: Leases
    again_seconds: float = AGAIN_SECONDS
    _ways: dict[str, _Way] = field(default_factory=dict, init=False)

    def add(self, listeners: Sequence[Listener]) -> None:
        """Before `run`."""
        self._ways |= {one.name: _Way(one) for one in listeners}

    async def run(self) -> None:
        """Keep all of them open until cancelled."""
        async with asyncio.TaskGroup() as group:
            for way in self._ways.values():
                group.create_task(self._keep(way))

    def states(self) -> tuple[WayInState, ...]:
        return tuple(
            WayInState(name, way.state, way.reason, way.since.isoformat())
            for name, way in self._ways.items()
        )

    def restart(self, name: str) -> None:
        """Close this way in and open it anew. Raises DirectiveRefused for one that isn't here."""
        if name not in self._ways:
            raise DirectiveRefused(f"There is no way in called {name} in this process.")
        self._ways[name].again.set()

    async def _keep(self, way: _Way) -> None:
        while True:
            way.again.clear()
            opened = asyncio.create_task(self._open(way))
            asked = asyncio.create_task(way.again.wait())
            try:
                await asyncio.wait({opened, asked}, return_when=asyncio.FIRST_COMPLETED)
                if opened.done():
                    opened.result()
            finally:
                for task in (opened, asked):
                    task.cancel()
                await asyncio.wait({opened, asked})
            log.info("way_in_restarted", way_in=way.listener.name)

    async def _open(self, way: _Way) -> None:
        """Never ends by itself."""
        if way.listener.exclusive:
            way.become("waiting")
            await self.leases.run_while_held(way.listener.name, lambda: self._while_it_runs(way))
        else:
            await self._while_it_runs(way)

    async def _while_it_runs(self, way: _Way) -> None:
        name = way.listener.name
        try:
            while True:
                way.become("open")
                try:
                    await way.listener.run()
                except ChannelError as error:
                    log.error("channel_off", channel=name, code=error.code, reason=str(error))
                    way.become("off", str(error))
                    await asyncio.Event().wait()
                except Exception as error:  # the other channels go on
                    log.exception("channel_crashed", channel=name)
                    way.become("off", f"{type(error).__name__}: the log says more.")
                    await asyncio.sleep(self.again_seconds)
                else:  # it only had to be set up
                    await asyncio.Event().wait()
        finally:
            if way.listener.exclusive and way.state == "open":
                way.become("waiting")
