"""Ways in: one that its platform refuses is off, says why, and is opened anew when it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from assistant.directives import Directive
from assistant.errors import CredentialsRefused, DirectiveRefused
from assistant.storage.leases import Leases
from bots.obeying import Obeying
from bots.ways_in import Listener, WaysIn
from tests.support.house import House, house, running, until


class Platform:
    """A way in that ends as it is told to, each time that it is opened; else it stays."""

    def __init__(self, *ends: Exception) -> None:
        self.ends = list(ends)
        self.opened = 0

    async def run(self) -> None:
        self.opened += 1
        if self.ends:
            raise self.ends.pop(0)
        await asyncio.Event().wait()


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


def ways(home: House, name: str, *listeners: Listener) -> WaysIn:
    built = WaysIn(Leases(home.database, home.heartbeats.of(name)), again_seconds=0.05)
    built.add(listeners)
    return built


def states(ways_in: WaysIn) -> dict[str, str]:
    return {one.name: one.state for one in ways_in.states()}


async def test_one_that_is_refused_is_off_until_it_is_asked_for_and_the_others_go_on(
    home: House,
) -> None:
    refused = Platform(CredentialsRefused("The token was revoked."))
    other = Platform()
    ways_in = ways(
        home, "one", Listener("slack:default", refused.run, False), Listener("b", other.run, False)
    )
    async with running(asyncio.create_task(ways_in.run())):
        await until(lambda: states(ways_in) == {"slack:default": "off", "b": "open"})
        assert ways_in.states()[0].reason == "The token was revoked."
        await asyncio.sleep(0.2)
        assert refused.opened == 1, "asking on with a refused token bars the account"
        restart = Directive("way_in.restart", "one", "slack:default")
        assert "slack:default" in await Obeying(ways_in=ways_in).carry_out(restart)
        await until(lambda: states(ways_in)["slack:default"] == "open")
    assert (refused.opened, other.opened) == (2, 1)


async def test_one_that_breaks_by_a_fault_of_ours_is_tried_again_by_itself(home: House) -> None:
    broken = Platform(RuntimeError("a fault"), RuntimeError("again"))
    ways_in = ways(home, "one", Listener("telegram:default", broken.run, True))
    async with running(asyncio.create_task(ways_in.run())):
        await until(lambda: broken.opened == 3 and states(ways_in)["telegram:default"] == "open")


async def test_what_only_one_may_run_waits_at_the_others_and_is_restarted_where_it_runs(
    home: House,
) -> None:
    here, there = Platform(), Platform()
    first = ways(home, "first", Listener("telegram:default", here.run, True))
    second = ways(home, "second", Listener("telegram:default", there.run, True))
    async with running(asyncio.create_task(first.run())):
        await until(lambda: states(first) == {"telegram:default": "open"})
        async with running(asyncio.create_task(second.run())):
            await until(lambda: states(second) == {"telegram:default": "waiting"})
            first.restart("telegram:default")
            await until(lambda: here.opened + there.opened == 2)
            opened = sorted([*states(first).values(), *states(second).values()])
            assert opened == ["open", "waiting"]


async def test_a_way_in_that_is_not_here_is_refused_in_words(home: House) -> None:
    with pytest.raises(DirectiveRefused, match="no way in called matrix"):
        ways(home, "one").restart("matrix")
    with pytest.raises(DirectiveRefused, match="no way in in this process"):
        await Obeying().carry_out(Directive("way_in.restart", "one", "matrix"))
