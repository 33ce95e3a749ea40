"""A question that is edited in the very moment in which its reply's placeholder is begun."""

from __future__ import annotations

import asyncio

import pytest

from assistant.errors import DeliveryLost
from assistant.messages import Edited
from assistant.outgoing.deliveries import BEGIN, Deliveries
from assistant.storage.database import rows
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import CHAT, House, house, until, working

POSTS = "SELECT turn_id, state FROM delivery_intents ORDER BY id"


async def blocked(home: House) -> bool:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return (await home.rows(waiting))[0][0] > 0


async def test_a_post_that_was_begun_first_is_known_to_the_turn_that_replaces_its_own(
    database_url: str, redis_url: str
) -> None:
    model = ScriptedEngine(ScriptedSettings(first_token_seconds=30.0))
    async with house(database_url, redis_url) as home, working(home.worker(model)):
        home.delivery.channels.close(
            "telegram", "default"
        )  # what is delivered here is delivered by the test
        turn = (await home.say("About herons", message_id="500")).turn_id
        await until(lambda: model.statistics().requests_running)
        ((account,),) = await home.rows("SELECT account_id FROM deliveries")
        deliveries = Deliveries(home.database, "another", 10.0)
        (one,) = await deliveries.claim([account], 1)
        edit = Edited(CHAT, "edit-1", "500", "7", "About storks")
        async with home.database.transaction(30) as begun:
            # As Deliveries.begin, whose transaction is not over yet.
            values = {"turn": turn, "attempt": 1, "position": 0, "kind": "placeholder"}
            await rows(begun, BEGIN, values)
            editing = asyncio.create_task(home.service.edit(edit))
            await until(lambda: blocked(home))
        await editing
        ((fresh,),) = await home.rows(f"SELECT superseded_by FROM turns WHERE id = {turn}")
        assert await home.rows(POSTS) == [(turn, "sending"), (fresh, "sending")]
        with pytest.raises(DeliveryLost):
            await deliveries.begin(one, 0, "placeholder")
