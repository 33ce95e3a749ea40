"""What gateways say of their ways in, and what is kept of it over a start."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from redis.asyncio import Redis

from assistant.accounts import Accounts
from assistant.insight.channel_states import ChannelState, ChannelStates
from assistant.lines import EVERY, LineReports, Lines, reported
from assistant.messages import ChatRef
from assistant.signals import ANNOUNCE, LINES, Signals
from tests.support.house import House, house


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


def gateway(home: House, name: str = "gateway-1") -> LineReports:
    return LineReports(name, Lines(), home.signals, home.database)


async def states(home: House) -> dict[str, ChannelState]:
    read = await ChannelStates(home.database).read(await reported(home.signals))
    return {f"{one.channel}:{one.account}": one for one in read}


async def kept(home: House) -> list[tuple[Any, ...]]:
    return await home.rows(
        "SELECT name, heard_at IS NOT NULL AS heard, error, failed_at IS NOT NULL AS failed"
        " FROM channel_states JOIN accounts ON accounts.id = account_id ORDER BY name"
    )


async def test_an_account_is_as_its_gateway_says_and_gone_when_that_one_is(home: House) -> None:
    one = gateway(home)
    one.lines.open("telegram", "default", "polling").become("open")
    await one.announce()
    state = (await states(home))["telegram:default"]
    assert (state.standing, state.way, state.gateways) == ("open", "polling", 1)
    assert (await states(home))["api:default"].standing == "off"
    await home.signals.unsay(LINES, "gateway-1")
    assert (await states(home))["telegram:default"].standing == "unseen"


async def test_an_account_that_one_of_several_gateways_has_is_open(home: House) -> None:
    first, second = gateway(home), gateway(home, "gateway-2")
    first.lines.open("telegram", "default", "polling")  # the other has its lease
    second.lines.open("telegram", "default", "polling").become("open")
    await first.announce()
    assert (await states(home))["telegram:default"].standing == "standby"
    await second.announce()
    state = (await states(home))["telegram:default"]
    assert (state.standing, state.gateways) == ("open", 1)


async def test_one_line_for_every_account_stands_for_those_with_a_token(home: House) -> None:
    accounts = Accounts(home.database)
    for name in ("default", "T1", "T2"):
        await accounts.register("slack", name)
    await home.rows(
        "INSERT INTO installs (account_id, token, title)"
        " SELECT id, 'sealed', 'The office' FROM accounts WHERE name = 'T1'"
    )
    one = gateway(home)
    one.lines.open("slack", EVERY, "socket").become("open")
    await one.announce()
    found = await states(home)
    assert {name: state.standing for name, state in found.items() if "slack" in name} == {
        "slack:default": "open",
        "slack:T1": "open",
        "slack:T2": "off",  # it took the app off
    }
    assert found["slack:T1"].title == "The office"


async def test_when_something_came_and_failed_is_known_after_a_start(home: House) -> None:
    one = gateway(home)
    line = one.lines.open("telegram", "default", "polling")
    one.lines.hear("web", "default")
    line.hear()
    line.fail("Telegram can't be reached.")
    await one.write()
    assert await kept(home) == [
        ("default", True, "Telegram can't be reached.", True),
        ("default", True, "", False),
    ]
    anew = gateway(home)
    anew.lines.open("telegram", "default", "polling").become("open")
    await anew.announce()
    await anew.write()
    state = (await states(home))["telegram:default"]
    assert (state.standing, state.error) == ("open", "Telegram can't be reached.")
    assert state.heard_at is not None
    assert state.failed_at is not None


async def test_the_last_of_several_gateways_errors_is_kept(home: House) -> None:
    first, second = gateway(home), gateway(home, "gateway-2")
    first.lines.open("telegram", "default", "polling").fail("The later one.")
    now = [1000.0]
    second.lines.clock = lambda: now[0]
    second.lines.open("telegram", "default", "polling").fail("Five seconds before.")
    now[0] += 5
    await first.write()
    await second.write()
    assert (await states(home))["telegram:default"].error == "The later one."


async def test_an_error_of_the_line_for_every_account_is_each_ones(home: House) -> None:
    accounts = Accounts(home.database)
    for name in ("T1", "T2"):
        await accounts.register("slack", name)
    one = gateway(home)
    one.lines.open("slack", EVERY, "socket").fail("Slack's WebSocket can't be reached.")
    one.lines.hear("slack", "T2")
    await one.write()
    said = "Slack's WebSocket can't be reached."
    assert await kept(home) == [("T1", False, said, True), ("T2", True, said, True)]


async def test_replies_on_their_way_are_counted_by_account(home: House) -> None:
    for chat in range(3):
        await home.say("Hello", chat=ChatRef("telegram", "default", str(chat)))
    await home.delivery.drain()
    await home.rows(
        "UPDATE deliveries SET error = 'platform_unavailable', state = 'active'"
        " WHERE turn_id = (SELECT min(turn_id) FROM deliveries)"
    )
    await home.rows(
        "UPDATE deliveries SET state = 'failed', finished_at = now()"
        " WHERE turn_id = (SELECT max(turn_id) FROM deliveries)"
    )
    await home.rows(
        "INSERT INTO penalties SELECT id, chat, now() + interval '1 minute'"
        " FROM accounts, (VALUES (''), ('7'), ('8')) AS chats (chat) WHERE channel = 'telegram'"
    )
    state = (await states(home))["telegram:default"]
    assert (state.open_replies, state.put_off, state.undelivered) == (2, 1, 1)
    assert state.paused_until is not None
    assert state.paused_chats == 2


async def test_a_gateway_of_another_version_is_known_by_what_is_known_here(home: House) -> None:
    line = Lines().open("telegram", "default", "polling").report("gateway-9")
    said = {
        **{name: getattr(line, name) for name in ("channel", "account", "way", "state_seconds")},
        "state": "open",
        "mood": "good",
    }
    board = (LINES, f"{LINES}:seen", "gateway-9", json.dumps([said]))
    await home.redis.eval(ANNOUNCE, 2, *board)
    (found,) = await reported(home.signals)
    assert (found.channel, found.state, found.failures) == ("telegram", "open", 0)


async def test_without_redis_no_line_is_known_and_nothing_raises(home: House) -> None:
    async with Redis.from_url("unix:///nonexistent/valkey.sock", decode_responses=True) as away:
        assert await reported(Signals(away)) == []
