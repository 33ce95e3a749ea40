"""A reply that is erased while it is being shown is lost to its driver, which is no fault."""

from __future__ import annotations

import asyncio

import pytest

from assistant.errors import DeliveryLost
from assistant.storage.database import rows
from tests.support.house import House, house, until


async def blocked(home: House) -> bool:
    return bool(await home.rows("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))


async def test_a_call_that_begins_while_its_turn_is_erased_is_not_made(
    database_url: str, redis_url: str
) -> None:
    async with house(database_url, redis_url) as home:
        accounts = [one.id for one in home.delivery.channels.accounts]
        home.delivery.channels.close("telegram", "default")  # we are the one who drives it
        turn = (await home.say("About herons")).turn_id
        deliveries = home.delivery.deliveries
        (one,) = await deliveries.claim(accounts, 1)
        async with home.database.transaction(30) as connection:
            await rows(connection, f"DELETE FROM turns WHERE id = {turn}")
            beginning = asyncio.create_task(deliveries.begin(one, 0, "placeholder"))
            await until(lambda: blocked(home))
        with pytest.raises(DeliveryLost):
            await beginning
