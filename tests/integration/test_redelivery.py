"""Answers that are not where they belong: an admin sees them, and has them shown once more."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from assistant.errors import PlatformUnavailable, RecipientUnreachable, TurnNotFound
from assistant.insight.undelivered import UndeliveredInsight
from assistant.messages import ChatRef
from assistant.outgoing.deliveries import OpenDelivery
from assistant.outgoing.redelivery import Redelivery
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.admins import ROOT, noted
from tests.support.house import CHAT, House, house, until, working

OTHER = ChatRef("telegram", "default", "43")


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        worker = built.worker(ScriptedEngine(ScriptedSettings(tokens_per_second=500.0)))
        async with working(worker):
            yield built


async def unreachable(home: House, chat: ChatRef = CHAT) -> int:
    """A turn whose answer is written, and could not be brought to its chat."""
    home.screen.failures = [RecipientUnreachable("blocked")]
    turn = (await home.say("Tell me about herons", chat)).turn_id
    await home.answer(turn)

    async def failed() -> bool:
        sql = f"SELECT FROM deliveries WHERE turn_id = {turn} AND state = 'failed'"
        return bool(await home.rows(sql))

    await until(failed)
    return turn


async def test_an_answer_that_was_not_shown_is_shown_again_without_another_answer(
    home: House,
) -> None:
    turn = await unreachable(home)
    (listed,) = (await UndeliveredInsight(home.database).seen(10)).not_shown
    assert (listed.turn_id, listed.error, listed.person) == (turn, "recipient_unreachable", "Ana")
    await Redelivery(home.database).one(ROOT, turn)
    await until(lambda: home.screen.chats["42"] and home.screen.chats["42"][0].last)
    assert "herons" in home.screen.chats["42"][0].text
    assert await home.rows("SELECT id, attempt FROM turns") == [(turn, 1)]
    assert (await UndeliveredInsight(home.database).seen(10)).not_shown == []
    assert await noted(home) == [("root", "delivery.again", f"turn:{turn}")]


async def test_all_that_were_not_shown_are_shown_again(home: House) -> None:
    turns = [await unreachable(home), await unreachable(home, OTHER)]
    assert await Redelivery(home.database).all(ROOT) == len(turns)
    await until(lambda: all(home.screen.chats[one.chat_id] for one in (CHAT, OTHER)))
    await until(lambda: all(home.screen.chats[one.chat_id][0].last for one in (CHAT, OTHER)))
    assert await Redelivery(home.database).all(ROOT) == 0
    assert await noted(home) == [("root", "deliveries.again", "deliveries")]


async def test_what_was_put_off_is_tried_at_once_when_somebody_asks(home: House) -> None:
    home.screen.failures = [PlatformUnavailable("away")] * 200
    turn = (await home.say("Tell me about herons")).turn_id
    await home.answer(turn)
    # The minutes that a platform stays away are not waited for: the delivery is put off as then.
    await home.rows(
        "UPDATE deliveries SET lease_owner = NULL, lease_until = now() + interval '1 hour',"
        " attempt = attempt + 1, error = 'platform_unavailable'"
    )
    (listed,) = (await UndeliveredInsight(home.database).seen(10)).put_off
    assert (listed.turn_id, listed.error) == (turn, "platform_unavailable")
    home.screen.failures = []
    await Redelivery(home.database).one(ROOT, turn)
    await until(lambda: home.screen.chats["42"] and home.screen.chats["42"][0].last)


async def test_what_is_shown_already_or_just_now_is_left_alone(home: House) -> None:
    turn = (await home.say("Tell me about herons")).turn_id
    await home.answer(turn)
    await until(lambda: home.screen.chats["42"] and home.screen.chats["42"][0].last)
    with pytest.raises(TurnNotFound, match="stands there already"):
        await Redelivery(home.database).one(ROOT, turn)
    assert await noted(home) == []


async def test_a_post_of_unknown_end_is_in_doubt_until_somebody_has_looked(home: House) -> None:
    turn = (await home.say("Tell me about herons")).turn_id
    await home.answer(turn)
    await until(lambda: home.screen.chats["42"] and home.screen.chats["42"][0].last)
    await home.rows("UPDATE deliveries SET placeholders_left = 1")
    insight = UndeliveredInsight(home.database)
    (listed,) = (await insight.seen(10)).in_doubt
    assert (listed.turn_id, listed.placeholders_left, listed.chat_id) == (turn, 1, "42")
    await Redelivery(home.database).settle(ROOT, turn)
    assert (await insight.seen(10)).in_doubt == []
    with pytest.raises(TurnNotFound):
        await Redelivery(home.database).settle(ROOT, turn)
    assert await noted(home) == [("root", "delivery.settled", f"turn:{turn}")]


@pytest.mark.parametrize("why", ["deleted", "asked for", "late call"])
async def test_what_becomes_due_again_is_tried_for_a_day_from_then_on(
    home: House, why: str
) -> None:
    """However old the answer is: a removal that was promised is not given up in an outage."""
    turn = (await home.say("Tell me about herons", message_id="500")).turn_id
    await home.answer(turn)
    await until(lambda: home.screen.chats["42"] and home.screen.chats["42"][0].last)
    await until(lambda: ended(home))
    await home.rows("UPDATE deliveries SET created_at = created_at - interval '2 days'")
    assert not await put_off(home)
    if why == "deleted":
        await home.service.erase(CHAT, "500")
    elif why == "asked for":
        await home.rows("UPDATE deliveries SET state = 'failed'")
        await Redelivery(home.database).one(ROOT, turn)
    else:
        ((intent,),) = await home.rows("SELECT id FROM delivery_intents WHERE kind = 'final'")
        late = OpenDelivery(turn, 1, turn, "", removing=False, chat=CHAT)
        await home.delivery.deliveries.late(late, intent)
    await until(lambda: ended(home))
    assert await put_off(home)


async def ended(home: House) -> bool:
    """Nothing is shown or removed just now."""
    sql = "SELECT FROM deliveries WHERE state IN ('pending', 'active', 'removing')"
    return not await home.rows(sql)


async def put_off(home: House) -> bool:
    ((turn, attempt),) = await home.rows("SELECT turn_id, attempt FROM deliveries")
    one = OpenDelivery(turn, attempt, turn, "", removing=False, chat=CHAT)
    return await home.delivery.deliveries.put_off(one, 60.0, "platform_unavailable")
