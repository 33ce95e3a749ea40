"""Directives reach the process that they are for, which says what came of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest_asyncio
from redis.asyncio import Redis

from assistant.directives import Directive, Directives, GivenDirective
from assistant.errors import DirectiveRefused
from assistant.processes import Processes, ProcessPresence, WayInState
from tests.support.house import running, until

RESTART = Directive("engine.restart", "worker-1", seconds=7.5, given_by="root")


@pytest_asyncio.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url, decode_responses=True, socket_timeout=None) as client:
        yield client


@asynccontextmanager
async def obeying(redis: Redis, process: str, taken: list[Directive]) -> AsyncIterator[None]:
    """A process that notes what it is told; what is called "impossible" it refuses."""

    async def carry_out(directive: Directive) -> str:
        taken.append(directive)
        if directive.subject == "impossible":
            raise DirectiveRefused("There is no such thing here.")
        if directive.subject == "broken":
            raise RuntimeError("a fault of ours")
        return "It is done."

    directives = Directives(redis)
    async with running(asyncio.create_task(directives.obey(process, carry_out))):
        await until(lambda: directives._last)  # from now on it misses nothing
        yield


async def said(redis: Redis, given: str) -> GivenDirective:
    """What is told of this one, once somebody has ended it."""

    async def found() -> list[GivenDirective]:
        listed = [one for one in await Directives(redis).newest(20) if one.directive.id == given]
        return [one for one in listed if [out for out in one.outcomes if out.state != "taken"]]

    await until(found)
    return (await found())[0]


async def test_a_directive_is_obeyed_by_the_process_that_it_names_and_confirmed(
    redis: Redis,
) -> None:
    mine: list[Directive] = []
    others: list[Directive] = []
    async with obeying(redis, "worker-1", mine), obeying(redis, "worker-2", others):
        given = await Directives(redis).give(RESTART)
        told = await said(redis, given)
    assert [(one.kind, one.seconds, one.given_by) for one in mine] == [
        ("engine.restart", 7.5, "root")
    ]
    assert others == []
    (outcome,) = told.outcomes
    assert (outcome.process, outcome.state, outcome.detail) == ("worker-1", "done", "It is done.")


async def test_one_that_is_for_all_is_obeyed_and_confirmed_by_each(redis: Redis) -> None:
    taken: list[Directive] = []
    async with obeying(redis, "gateway-1", taken), obeying(redis, "gateway-2", taken):
        given = await Directives(redis).give(Directive("way_in.restart", "*", "slack:default"))
        await until(lambda: len(taken) == 2)

        async def both() -> bool:
            told = await said(redis, given)
            return {one.process for one in told.outcomes} == {"gateway-1", "gateway-2"}

        await until(both)


async def test_what_cannot_be_done_is_said_and_the_process_goes_on(redis: Redis) -> None:
    taken: list[Directive] = []
    async with obeying(redis, "worker-1", taken):
        for subject, detail in (
            ("impossible", "There is no such thing here."),
            ("broken", "It broke off: the log says why."),
        ):
            given = await Directives(redis).give(Directive("way_in.restart", "worker-1", subject))
            (outcome,) = (await said(redis, given)).outcomes
            assert (outcome.state, outcome.detail) == ("failed", detail)
        given = await Directives(redis).give(RESTART)
        assert (await said(redis, given)).outcomes[0].state == "done"


async def test_a_process_that_starts_later_does_not_obey_what_was_told_before(
    redis: Redis,
) -> None:
    await Directives(redis).give(RESTART)
    taken: list[Directive] = []
    async with obeying(redis, "worker-1", taken):
        given = await Directives(redis).give(RESTART)
        await said(redis, given)
    assert [one.id for one in taken] == [given]


async def test_nobody_is_told_where_redis_is_away_and_it_is_said(redis: Redis) -> None:
    async with Redis(port=1, decode_responses=True, socket_timeout=None) as away:
        try:
            await Directives(away).give(RESTART)
        except DirectiveRefused as refused:
            assert "Redis doesn't answer" in str(refused)
        else:
            raise AssertionError("it was given to nobody")
        assert await Directives(away).newest(5) == []


async def test_processes_say_what_they_are_until_they_leave(redis: Redis) -> None:
    way = WayInState("slack:default", "off", "The token was revoked.", "2026-01-01T00:00:00+00:00")
    presence = ProcessPresence(
        "host:1:a", "gateway", "1.0", "2026-01-01T00:00:00+00:00", "info", (way,)
    )
    processes = Processes(redis)

    async def present() -> bool:
        return await processes.present() == [presence]

    async with running(asyncio.create_task(processes.announce(lambda: presence))):
        await until(present)
    assert await processes.present() == []
