"""A process that stands still between its look at the fence and its call to the platform."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from sqlalchemy import text

from assistant.channel import Pace
from assistant.deliveries import Deliveries
from assistant.errors import DeliveryLost
from assistant.metrics import Metrics
from assistant.outbox import Outbox
from tests.support.house import CHAT, House, house
from tests.support.screen import ScreenChannel

LEASE_SECONDS = 10.0


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        built.delivery.accounts = []  # what is delivered here is delivered by the test
        yield built


def clock(*moments: float) -> Callable[[], float]:
    left = iter(moments)
    return lambda: next(left)


async def outbox(home: House, *moments: float) -> Outbox:
    """The outbox of a claimed reply, in a process whose clock shows these seconds."""
    deliveries = Deliveries(home.database, "another", LEASE_SECONDS)
    async with home.database.connection() as connection:
        account = (await connection.execute(text("SELECT account_id FROM deliveries"))).scalar_one()
    (one,) = await deliveries.claim([account], 1)
    governor, metrics = home.delivery.governor, Metrics()
    return Outbox(one, home.screen, deliveries, governor, metrics, clock(*moments))


async def intents(home: House) -> list[tuple[object, ...]]:
    async with home.database.connection() as connection:
        query = text("SELECT kind, state, error FROM delivery_intents ORDER BY id")
        return [tuple(row) for row in (await connection.execute(query)).all()]


async def test_who_stood_still_asks_again_before_it_calls(home: House) -> None:
    await home.say("Tell me of the sea")
    stalled = await outbox(home, 0.0, 6.0, 6.0, 6.1)
    await stalled.edit(0, await placed(home.screen), "The sea", final=False)
    assert await intents(home) == [("edit", "failed", "stalled"), ("edit", "sent", "")]


async def test_who_stood_still_while_another_took_over_calls_nothing(home: House) -> None:
    await home.say("Tell me of the sea")
    stalled = await outbox(home, 0.0, 60.0, 60.0, 60.0)
    message_id = await placed(home.screen)
    calls = len(home.screen.calls)

    # As soon as this one has looked, another claims the delivery.
    async with home.database.connection() as connection:
        await connection.execute(
            text(
                "CREATE FUNCTION take_over() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " UPDATE deliveries SET attempt = attempt + 1; RETURN new; END $$"
            )
        )
        await connection.execute(
            text(
                "CREATE TRIGGER take_over AFTER INSERT ON delivery_intents"
                " FOR EACH ROW EXECUTE FUNCTION take_over()"
            )
        )
    with pytest.raises(DeliveryLost):
        await stalled.edit(0, message_id, "The sea", final=False)
    assert len(home.screen.calls) == calls
    assert await intents(home) == [("edit", "failed", "stalled")]


async def placed(screen: ScreenChannel) -> str:
    """A message that stands there."""
    screen.pace = Pace(0.0, 0.0, 1000.0)
    return await screen.post(CHAT, turn_id=1, key="1.0", reply_to="")
