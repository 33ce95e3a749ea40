"""A process that stands still between its look at the fence and its call to the platform."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
import pytest_asyncio

from assistant.channel import Look, Pace, Placeholder
from assistant.errors import DeliveryLost
from assistant.messages import ChatRef
from assistant.metrics import Metrics
from assistant.outgoing.deliveries import Deliveries
from assistant.outgoing.outbox import GONE, Outbox
from assistant.storage.database import rows
from tests.support.house import CHAT, House, house, until
from tests.support.screen import ScreenChannel

LEASE_SECONDS = 10.0


async def nothing() -> None:
    """Happens before a call."""


@dataclass(slots=True)
class SlowScreen(ScreenChannel):
    """A platform on the way to which things happen."""

    before_edit: Callable[[], Awaitable[None]] = nothing
    before_post: Callable[[], Awaitable[None]] = nothing

    async def post(self, chat: ChatRef, placeholder: Placeholder) -> str:
        await self.before_post()
        return await ScreenChannel.post(self, chat, placeholder)

    async def edit(self, chat: ChatRef, message_id: str, look: Look) -> None:
        await self.before_edit()
        await ScreenChannel.edit(self, chat, message_id, look)


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url, screen=SlowScreen()) as built:
        built.delivery.channels.close(
            "telegram", "default"
        )  # what is delivered here is delivered by the test
        yield built


def clock(*moments: float) -> Callable[[], float]:
    left = iter(moments)
    return lambda: next(left)


async def outbox(home: House, *moments: float) -> Outbox:
    """The outbox of a claimed reply, in a process whose clock shows these seconds."""
    deliveries = Deliveries(home.database, "another", LEASE_SECONDS)
    ((account,),) = await home.rows("SELECT account_id FROM deliveries")
    (one,) = await deliveries.claim([account], 1)
    governor, metrics = home.delivery.governor, Metrics()
    return Outbox(one, home.screen, deliveries, governor, metrics, clock(*moments))


async def intents(home: House) -> list[tuple[object, ...]]:
    return await home.rows("SELECT kind, state, error FROM delivery_intents ORDER BY id")


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
    await home.rows(
        "CREATE FUNCTION take_over() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " UPDATE deliveries SET attempt = attempt + 1; RETURN new; END $$"
    )
    await home.rows(
        "CREATE TRIGGER take_over AFTER INSERT ON delivery_intents"
        " FOR EACH ROW EXECUTE FUNCTION take_over()"
    )
    with pytest.raises(DeliveryLost):
        await stalled.edit(0, message_id, "The sea", final=False)
    assert len(home.screen.calls) == calls
    assert await intents(home) == [("edit", "failed", "stalled")]


async def placed(screen: ScreenChannel) -> str:
    """A message that stands there."""
    screen.pace = Pace(0.0, 0.0, 1000.0)
    return await screen.post(CHAT, Placeholder(1, "1.0", ""))


async def state(home: House) -> tuple[object, ...]:
    (found,) = await home.rows(
        "SELECT state, lease_until IS NULL, placeholders_left FROM deliveries"
    )
    return found


async def follow(home: House, ending: str) -> None:
    """Another takes the delivery over and brings it to this state."""
    await home.rows(
        "UPDATE deliveries SET attempt = attempt + 1, state = %(state)s", {"state": ending}
    )


async def test_an_edit_that_came_after_another_had_ended_it_has_the_answer_shown_again(
    home: House,
) -> None:
    await home.say("Tell me of the sea")
    slow = await outbox(home, 0.0, 0.0)
    home.screen.before_edit = lambda: follow(home, "done")
    await slow.edit(0, await placed(home.screen), "The s", final=False)
    assert await state(home) == ("active", True, 0)


async def test_an_edit_that_is_cut_short_because_another_took_over_may_have_come_late(
    home: House,
) -> None:
    await home.say("Tell me of the sea")
    slow = await outbox(home, 0.0, 0.0)
    message_id = await placed(home.screen)

    async def lost() -> None:
        await follow(home, "done")
        edit.cancel(GONE)
        await asyncio.sleep(10)

    home.screen.before_edit = lost
    edit = asyncio.create_task(slow.edit(0, message_id, "The s", final=False))
    with pytest.raises(asyncio.CancelledError):
        await edit
    assert await state(home) == ("active", True, 0)


async def test_a_post_that_another_looked_for_in_vain_and_that_came_then_is_counted(
    home: House,
) -> None:
    await home.say("Tell me of the sea")
    slow = await outbox(home, 0.0, 0.0)
    mark_failed = "UPDATE delivery_intents SET state = 'failed'"

    async def not_found() -> None:
        await follow(home, "active")
        await home.rows(mark_failed)

    home.screen.before_post = not_found
    await slow.post(0)
    assert await state(home) == ("active", False, 1)
    assert await intents(home) == [("placeholder", "unknown", "late")]


async def held_up(home: House) -> bool:
    """Asked outside of any transaction: within one the first answer stays."""
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return bool(await home.rows(f"{waiting} AND datname = current_database()"))


async def test_how_a_call_ended_is_written_down_also_by_who_is_cancelled_meanwhile(
    home: House,
) -> None:
    await home.say("Tell me of the sea")
    slow = await outbox(home, 0.0, 0.0)
    async with home.database.transaction(30) as holding:

        async def lock() -> None:
            await rows(holding, "SELECT FROM deliveries FOR UPDATE")

        home.screen.before_post = lock
        post = asyncio.create_task(slow.post(0))
        await until(lambda: held_up(home))
        post.cancel(GONE)
        await asyncio.sleep(0.01)
    with pytest.raises(asyncio.CancelledError):
        await post
    assert await intents(home) == [("placeholder", "sent", "")]
