"""Showing a reply when platform, Redis or the pace stand in the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from assistant.answering.turns import Claimant, Outcome
from assistant.channel import Pace
from assistant.errors import (
    MessageGone,
    PlatformUnavailable,
    RateLimited,
    RecipientUnreachable,
    SendOutcomeUnknown,
)
from assistant.messages import ButtonPressed, ChatRef
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import CHAT, House, house, until, working
from tests.support.screen import ScreenChannel, Shown


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


def engine(pace: float = 100.0, answer_tokens: int = 48) -> ScriptedEngine:
    return ScriptedEngine(ScriptedSettings(tokens_per_second=pace, answer_tokens=answer_tokens))


def shown(home: House) -> list[Shown]:
    return home.screen.chats["42"]


async def ended(home: House) -> list[tuple[object, ...]]:
    return await home.rows("SELECT state, error FROM deliveries WHERE finished_at IS NOT NULL")


async def answered(home: House, words: str = "Tell me of the sea") -> str:
    """Ask, and wait until the delivery has ended, however it ended."""
    async with working(home.worker(engine())):
        reply, _ = await home.answer((await home.say(words)).turn_id)
        await until(lambda: ended(home))
    return reply


async def test_a_rate_limit_is_waited_for_and_the_final_text_arrives(home: House) -> None:
    home.screen.failures = [RateLimited(0.3), RateLimited(0.3)]
    reply = await answered(home)
    assert [one.text for one in shown(home)] == [reply]
    assert await ended(home) == [("done", "")]


async def test_an_unknown_post_leaves_at_worst_an_empty_placeholder(home: House) -> None:
    home.screen.readable = False
    home.screen.failures = [SendOutcomeUnknown("no answer came")]
    reply = await answered(home)
    assert [one.text for one in shown(home)] == ["", reply]
    assert await left(home) == 1


def stop_under(turn_id: int, message_id: str) -> ButtonPressed:
    return ButtonPressed(CHAT, "stop", turn_id, "7", message_id)


async def test_the_button_under_a_lost_placeholder_takes_it_away(home: House) -> None:
    home.screen.readable = False
    home.screen.failures = [SendOutcomeUnknown("no answer came")]
    reply = await answered(home)
    lost = shown(home)[0]
    await home.service.press(stop_under(lost.turn_id, lost.id))
    await until(lambda: len(shown(home)) == 1)
    assert shown(home)[0].text == reply
    assert await left(home) == 0
    await home.service.press(stop_under(lost.turn_id, shown(home)[0].id))
    await asyncio.sleep(0.2)
    assert len(shown(home)) == 1, "the reply itself is no lost placeholder"


async def test_an_unknown_post_is_found_again_where_the_platform_can_be_read(home: House) -> None:
    home.screen.failures = [SendOutcomeUnknown("no answer came")]
    reply = await answered(home)
    assert [one.text for one in shown(home)] == [reply]
    assert home.screen.calls.count("post") == 1
    assert await left(home) == 0


async def left(home: House) -> int:
    ((count,),) = await home.rows("SELECT placeholders_left FROM deliveries")
    return int(count)


async def test_a_platform_that_is_away_for_a_moment_gets_the_reply_later(home: House) -> None:
    home.screen.failures = [PlatformUnavailable("502")]
    reply = await answered(home)
    assert [one.text for one in shown(home)] == [reply]


async def test_who_blocked_us_gets_nothing_and_the_row_says_so(home: House) -> None:
    home.screen.failures = [RecipientUnreachable("blocked")]
    await answered(home)
    assert shown(home) == []
    assert await ended(home) == [("failed", "recipient_unreachable")]


async def test_a_message_that_joins_an_answer_which_could_not_be_shown_has_it_shown(
    home: House,
) -> None:
    """Who writes again can be reached again."""
    home.screen.failures = [RecipientUnreachable("blocked")]
    first = await home.say("Who is there?")
    await until(lambda: home.rows("SELECT FROM deliveries WHERE state = 'failed'"))
    second = await home.say("And where?")
    assert (second.turn_id, second.joined) == (first.turn_id, True)
    async with working(home.worker(engine())):
        reply, _ = await home.answer(first.turn_id)
        await until(lambda: home.rows("SELECT FROM deliveries WHERE state = 'done'"))
    assert [shown.text for shown in home.screen.chats["42"]] == [reply]


async def test_an_end_that_the_platform_refuses_is_said_in_plain_words(home: House) -> None:
    async with working(home.worker(engine(pace=2000, answer_tokens=1))):
        turn = (await home.say("Tell me of the sea")).turn_id
        await home.answer(turn)
        await until(lambda: ended(home))
    assert await ended(home) == [("done", "")]
    home.screen.refuses = "You wrote 2 messages"
    async with working(home.worker(engine())):
        await home.answer((await home.say("And of the sky")).turn_id)
        await until(lambda: _all_ended(home, 2))
    assert (await ended(home))[1] == ("failed", "content_refused")
    assert shown(home)[-1].text.startswith("⚠") and shown(home)[-1].final


async def test_a_reply_that_somebody_deleted_is_not_posted_again(home: House) -> None:
    async with working(home.worker(engine(pace=30))):
        turn = (await home.say("Tell me of the sea")).turn_id
        await until(lambda: len(shown(home)) == 1)
        home.screen.failures = [MessageGone("deleted")] * 50
        await home.answer(turn)
        await until(lambda: ended(home))
    assert home.screen.calls.count("post") == 1


async def test_an_answer_that_is_first_seen_at_its_end_counts_as_seen(
    database_url: str, redis_url: str
) -> None:
    """Else the longest waits are missing where it is said how long people wait."""
    screen = ScreenChannel(pace=Pace(1.0, 1.0, 1000.0))  # the end comes before an edit's turn
    async with house(database_url, redis_url, screen=screen) as home:
        async with working(home.worker(engine(pace=10_000, answer_tokens=1))):
            await home.say("Tell me of the sea")
            await until(lambda: ended(home))
        assert len(shown(home)[0].looks) == 2, "empty, and whole"
        assert await home.rows("SELECT FROM turns WHERE shown_at IS NOT NULL")


async def test_a_long_reply_goes_on_in_further_messages(database_url: str, redis_url: str) -> None:
    screen = ScreenChannel(piece_characters=60)
    async with house(database_url, redis_url, screen=screen) as home:
        reply = await answered(home)
        assert len(reply) > 120
        assert "".join(one.text for one in shown(home)) == reply
        assert all(len(one.text) <= 60 and one.final for one in shown(home))


async def test_a_slow_pace_skips_looks_and_never_the_last(
    database_url: str, redis_url: str
) -> None:
    screen = ScreenChannel(pace=Pace(0.4, 0.4, 1000.0))
    async with house(database_url, redis_url, screen=screen) as home:
        reply = await answered(home)
        assert shown(home)[0].text == reply
        assert len(shown(home)[0].looks) <= 6


async def test_with_redis_emptied_in_mid_stream_the_whole_reply_arrives(home: House) -> None:
    async with working(home.worker(engine(pace=40))):
        turn = (await home.say("Tell me of the sea")).turn_id
        for _ in range(6):
            await asyncio.sleep(0.15)
            await home.redis.flushall()
        reply, last = await home.answer(turn)
        await until(lambda: ended(home))
    assert last.state == "done"
    assert [one.text for one in shown(home)] == [reply]
    assert reply.startswith("You wrote 1 message, the last one: Tell me of the sea")


async def test_replies_of_one_chat_are_shown_in_their_order(home: House) -> None:
    async with working(home.worker(engine())):
        turns = []
        for word in ("alpha", "beta", "gamma"):
            turns.append((await home.say(word)).turn_id)
            await home.answer(turns[-1])
        await until(lambda: _all_ended(home, len(turns)))
    order = [word for one in shown(home) for word in ("alpha", "beta", "gamma") if word in one.text]
    assert order == ["alpha", "beta", "gamma"]


async def _all_ended(home: House, count: int) -> bool:
    return len(await ended(home)) == count


async def test_a_gateway_that_dies_is_replaced_and_the_same_message_is_edited(
    database_url: str, redis_url: str
) -> None:
    screen = ScreenChannel()
    async with house(database_url, redis_url, screen=screen) as first:
        turn = (await first.say("Tell me of the sea")).turn_id
        await until(lambda: len(screen.chats["42"]) == 1)  # the placeholder stands
    async with (
        house(database_url, redis_url, screen=screen) as second,
        working(second.worker(engine())),
    ):
        reply, _ = await second.answer(turn)
        await until(lambda: ended(second))
    assert [one.text for one in screen.chats["42"]] == [reply]


async def test_a_platform_that_stays_away_gets_the_reply_when_it_is_back(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.outgoing.outbox.RETRY_SECONDS", (0.01,))
    monkeypatch.setattr("assistant.outgoing.delivery.PUT_OFF_SECONDS", 0.2)
    monkeypatch.setattr("assistant.outgoing.show.RETRY_SECONDS", (0.01,))
    home.screen.failures = [PlatformUnavailable("down")] * 6
    reply = await answered(home)
    assert [one.text for one in shown(home)] == [reply]
    assert (await ended(home))[0][0] == "done"


async def test_no_call_is_spent_on_a_text_of_which_nothing_is_seen_yet(home: House) -> None:
    home.screen.unseen = ("You", "You wrote")
    async with working(home.worker(engine(pace=20.0, answer_tokens=8))):
        await home.answer((await home.say("Tell me of the sea")).turn_id)
        await until(lambda: home.screen.chats["42"][0].final)
    looks = home.screen.chats["42"][0].looks
    assert len(looks) > 2, "it grew"
    assert not {"You", "You wrote"} & set(looks)


async def test_an_answer_is_shown_past_all_those_that_wait_for_theirs(home: House) -> None:
    """The queue's order is no order of arrival: a crowd of one account may wait behind it."""
    home.delivery.at_once = 2
    for number in range(4):
        await home.say(
            "Hello", ChatRef("telegram", "default", f"crowd-{number}"), sender_id=f"{number}"
        )
    await until(lambda: len(home.screen.chats) == 2)
    late = (await home.say("Hello", sender_id="late")).turn_id
    await home.rows(f"UPDATE turns SET due_at = now() - interval '1 hour' WHERE id = {late}")
    (begun,) = await home.turns.claim(Claimant("worker", 60.0, "model"), 1)
    assert begun.id == late
    await home.turns.finish(begun, Outcome("done", reply="Herons"))
    await until(lambda: shown(home) and shown(home)[0].final, 8.0)
    assert shown(home)[0].text == "Herons"
    assert len(home.screen.chats) == 3, "the crowd waits as before"
