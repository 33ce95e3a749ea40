"""The outbound budget in a real Valkey, and penalties in a real Postgres."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from assistant.channel import Pace
from assistant.errors import RateLimited
from assistant.messages import ChatRef
from assistant.outgoing.budget import CHAT_BURST, KEPT
from assistant.outgoing.penalties import STRIKES
from tests.support.governors import CHAT, GROUP, KEYS, OTHER, PACE, Replicas, granted, replicas

ORDINARY = CHAT_BURST - KEPT["chat"]


@pytest_asyncio.fixture
async def house(database_url: str, redis_url: str) -> AsyncIterator[Replicas]:
    async with replicas(database_url, redis_url) as opened:
        await opened.rest()
        yield opened


async def test_a_chat_gets_its_burst_and_then_its_interval(house: Replicas) -> None:
    governor = house.governor("a")
    assert ORDINARY <= await granted(governor, CHAT, 1.0) <= ORDINARY + 5
    assert ORDINARY <= await granted(governor, GROUP, 1.0) <= ORDINARY + 2


async def test_the_end_of_a_reply_does_not_wait_behind_its_edits(house: Replicas) -> None:
    governor, slow = house.governor("a"), Pace(30.0, 30.0, 1000.0)
    for _ in range(ORDINARY):
        assert await governor.ask(CHAT, slow) == 0
    assert await governor.ask(CHAT, slow) > 20
    assert await governor.ask(CHAT, slow, "final") == 0
    assert await governor.ask(CHAT, slow, "final") > 20


async def test_replicas_share_one_budget(house: Replicas) -> None:
    counts = await asyncio.gather(*(granted(house.governor(one), CHAT, 1.0) for one in "abcd"))
    assert ORDINARY <= sum(counts) <= ORDINARY + 5


async def test_all_chats_of_an_account_share_its_rate(house: Replicas) -> None:
    governor, pace = house.governor("a"), Pace(0.001, 0.001, 10.0)
    chats = [ChatRef("telegram", "default", str(number)) for number in range(5)]
    counts = await asyncio.gather(
        *(granted(governor, chat, 1.0, pace, call="final") for chat in chats)
    )
    assert 0 < sum(counts) <= 10 + pace.account_burst


async def test_a_penalty_closes_the_chat_for_every_replica(house: Replicas) -> None:
    await house.governor("a").penalize(CHAT, 30.0)
    other = house.governor("b")
    assert await other.ask(CHAT, PACE, "final") > 20
    assert await other.ask(GROUP, PACE) == 0


async def test_an_emptied_redis_forgets_no_penalty_of_another_replica(house: Replicas) -> None:
    await house.governor("a").penalize(CHAT, 30.0)
    await house.redis.flushall()
    assert await house.governor("b").ask(CHAT, PACE, "final") > 20


async def test_what_an_emptied_redis_granted_counts_as_spent(house: Replicas) -> None:
    governor, slow = house.governor("a"), Pace(30.0, 30.0, 1000.0)
    await house.redis.flushall()
    assert await governor.ask(CHAT, slow, "final") > 20


async def test_penalties_are_read_again_at_the_start(house: Replicas) -> None:
    await house.governor("a").penalize(CHAT, 30.0)
    await house.redis.delete(KEYS.penalty("42"))
    fresh = house.governor("b")
    await fresh.restore()
    assert await fresh.ask(CHAT, PACE) > 20


async def test_the_first_message_after_a_start_on_a_new_redis_finds_what_gathered_since(
    house: Replicas,
) -> None:
    await house.redis.flushall()
    governor = house.governor("a")
    await governor.restore([KEYS])
    await asyncio.sleep(3 * PACE.private_interval_seconds)
    assert await governor.ask(CHAT, PACE) == 0


async def test_typing_is_free_where_no_penalty_is_known_of_also_after_a_while(
    house: Replicas,
) -> None:
    governor = house.governor("a")
    await house.redis.delete(KEYS.marker)
    assert not await governor.closed(CHAT)
    await governor.penalize(CHAT, 30.0)
    await house.redis.delete(KEYS.marker, KEYS.penalty("42"))
    assert await house.governor("b").closed(CHAT)


async def test_a_penalty_ends(house: Replicas) -> None:
    governor = house.governor("a")
    before = time.monotonic()
    await governor.penalize(CHAT, 0.5)
    await governor.permit(CHAT, PACE)
    assert time.monotonic() - before >= 0.5


async def test_a_shorter_penalty_does_not_end_a_longer_one(house: Replicas) -> None:
    await house.governor("a").penalize(CHAT, 30.0)
    await house.governor("b").penalize(CHAT, 0.1)
    await asyncio.sleep(0.15)
    assert await house.governor("c").ask(CHAT, PACE) > 20


def penalized(number: int) -> ChatRef:
    return ChatRef("telegram", "default", f"penalized-{number}")


async def test_a_few_penalized_chats_close_no_other(house: Replicas) -> None:
    for number in range(STRIKES - 1):
        for _ in range(2):
            await house.governor("a").penalize(penalized(number), 30.0 + number)
    assert await house.governor("b").ask(OTHER, PACE) == 0


async def test_many_chats_penalized_at_once_close_the_account_until_the_first_is_open(
    house: Replicas,
) -> None:
    for number in range(STRIKES):
        await house.governor("a").penalize(penalized(number), 30.0 + 30 * number)
    assert 20 < await house.governor("b").ask(OTHER, PACE, "final") <= 30
    await house.redis.flushall()
    assert 20 < await house.governor("c").ask(OTHER, PACE, "final") <= 30


async def test_what_is_over_is_forgotten_in_postgres(house: Replicas) -> None:
    governor = house.governor("a")
    await governor.penalize(CHAT, 0.05)
    await governor.penalize(OTHER, 30.0)
    for name in ("chat:telegram:default:42", "telegram:default"):
        await house.database.rows(
            "INSERT INTO leases (name, owner, until) VALUES (%(name)s, 'gone', now())",
            {"name": name},
        )
    await asyncio.sleep(0.1)
    await house.redis.flushall()
    await governor.ask(CHAT, PACE)
    assert await house.database.rows("SELECT chat_id FROM penalties") == [("43",)]
    assert await house.database.rows("SELECT name FROM leases") == [("telegram:default",)]


async def test_what_cannot_wait_is_told_how_long_it_would_take(house: Replicas) -> None:
    governor = house.governor("a")
    await governor.penalize(CHAT, 30.0)
    with pytest.raises(RateLimited) as refused:
        await governor.permit(CHAT, PACE, at_most_seconds=5.0)
    assert 20 < refused.value.retry_after_seconds <= 30
