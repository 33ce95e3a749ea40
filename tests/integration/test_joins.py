"""A message that comes while its conversation is being answered: it joins, or it waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from assistant.messages import ChatRef
from assistant.storage.database import rows
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import CHAT, FAST, House, house, incoming, until, working

SLOW = {"tokens_per_second": 30, "answer_tokens": 48}


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


def engine(**settings: float) -> ScriptedEngine:
    return ScriptedEngine(ScriptedSettings(**{**SLOW, **settings}))  # type: ignore[arg-type]


async def running(home: House, turn_id: int) -> bool:
    return (turn_id, "running") in await home.rows("SELECT id, state FROM turns")


async def test_a_message_before_any_text_joins_and_the_turn_starts_again_with_both(
    home: House,
) -> None:
    async with working(home.worker(engine(first_token_seconds=1.0))):
        first = await home.say("About apples")
        await until(lambda: running(home, first.turn_id))
        second = await home.say("and pears")
        reply, last = await home.answer(first.turn_id)
        await until(lambda: home.screen.chats["42"][0].final)
    assert (second.turn_id, second.joined, second.waits) == (first.turn_id, True, False)
    assert second.restarted == 1
    assert "About apples and pears" in reply, "both were asked in one prompt"
    assert last.attempt == 2
    assert [one.text for one in home.screen.chats["42"]] == [reply]
    assert await home.rows("SELECT count(*), max(failures) FROM turns") == [(1, 0)]


async def test_generation_of_the_former_attempt_ends_at_once(home: House) -> None:
    model = engine(first_token_seconds=60.0)
    async with working(home.worker(model)):
        turn = (await home.say("One")).turn_id
        await until(lambda: model.statistics().requests_running == 1)
        for word in ("two", "three", "four"):
            await home.say(word)
        await until(lambda: rows_attempt(home, turn, 4))
        await until(lambda: model.statistics().requests_running == 1)
        await home.service.stop(turn)
        await home.answer(turn)


async def rows_attempt(home: House, turn: int, at_least: int) -> bool:
    found = await home.rows(f"SELECT attempt, state FROM turns WHERE id = {turn}")
    return found[0][1] == "running" and int(str(found[0][0])) >= min(at_least, 2)


async def test_a_message_after_the_first_text_waits_is_seen_to_and_is_answered_next(
    home: House,
) -> None:
    async with working(home.worker(engine())):
        first = await home.say("A long story please")
        await until(lambda: home.screen.calls.count("edit") > 1)
        second = await home.say("One more thing", message_id="900")
        third = await home.say("and another", message_id="901")
        await home.answer(first.turn_id)
        reply, _ = await home.answer(second.turn_id)
    assert second.waits and not second.joined
    assert third.waits and third.joined and third.turn_id == second.turn_id
    assert home.screen.marked == ["900", "901"]
    assert "One more thing and another" in reply


async def test_a_message_in_the_moment_of_the_claim_joins_the_turn(home: House) -> None:
    first = await home.say("About apples")
    async with home.database.transaction(30) as claiming:
        await rows(
            claiming,
            "UPDATE turns SET state = 'running', attempt = 1, lease_owner = 'gone',"
            " lease_until = now()",
        )
        saying = asyncio.create_task(home.say("and pears"))
        await until(lambda: waiting_for_a_lock(home))
    second = await saying
    assert (second.turn_id, second.joined, second.restarted) == (first.turn_id, True, 1)


async def waiting_for_a_lock(home: House) -> bool:
    held_up = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return bool(await home.rows(f"{held_up} AND datname = current_database()"))


async def test_text_that_a_web_page_saw_counts_as_shown(home: House) -> None:
    chat = ChatRef("web", "default", "page")
    async with working(home.worker(engine())):
        first = await home.say("A story", chat=chat)
        async for delta in home.service.follow(first.turn_id):
            if delta.text:
                break
        second = await home.say("More", chat=chat)
    assert second.turn_id != first.turn_id


async def test_text_that_nobody_saw_does_not_count(home: House) -> None:
    chat = ChatRef("web", "default", "nobody")
    async with working(home.worker(engine())):
        first = await home.say("A story", chat=chat)
        await until(lambda: checkpointed(home, first.turn_id))
        second = await home.say("of the sea", chat=chat)
        reply, _ = await home.answer(first.turn_id)
    assert second.turn_id == first.turn_id
    assert reply.startswith("You wrote 1 message, the last one: A story of the sea")


async def checkpointed(home: House, turn: int) -> bool:
    return (await home.rows(f"SELECT reply <> '' FROM turns WHERE id = {turn}")) == [(True,)]


async def test_many_messages_at_once_make_one_turn_or_wait_and_none_is_lost(home: House) -> None:
    async with working(home.worker(engine(first_token_seconds=0.05))):
        said = await asyncio.gather(
            *(home.service.accept(incoming(f"word{n}", CHAT)) for n in range(20))
        )
        for turn in {one.turn_id for one in said}:
            await home.answer(turn)
    linked = await home.rows("SELECT count(DISTINCT message_id) FROM turn_messages")
    assert linked == [(20,)]
    assert await home.rows("SELECT count(*) FROM turns WHERE state <> 'done'") == [(0,)]


async def test_fifty_messages_of_one_do_not_delay_anothers_first(
    database_url: str, redis_url: str
) -> None:
    one_at_a_time = FAST.model_copy(update={"concurrent_turns": 1})
    async with house(database_url, redis_url, settings=one_at_a_time) as home:
        for number in range(50):
            await home.say("Again", chat=ChatRef("telegram", "default", f"-{number + 100}"))
        other = await home.say(
            "My first", chat=ChatRef("telegram", "default", "8"), sender_id="8", sender_name="Ben"
        )
        async with working(home.worker(engine(tokens_per_second=400))):
            await home.answer(other.turn_id)
            started = await home.rows(
                "SELECT id FROM turns WHERE started_at IS NOT NULL ORDER BY started_at"
            )
    assert started.index((other.turn_id,)) <= 1


async def test_a_persons_own_turns_keep_their_order(database_url: str, redis_url: str) -> None:
    one_at_a_time = FAST.model_copy(update={"concurrent_turns": 1})
    async with house(database_url, redis_url, settings=one_at_a_time) as home:
        turns = [
            (await home.say("Again", chat=ChatRef("telegram", "default", f"-{number}"))).turn_id
            for number in range(1, 6)
        ]
        async with working(home.worker(engine(tokens_per_second=400))):
            for turn in turns:
                await home.answer(turn)
        started = await home.rows("SELECT id FROM turns ORDER BY started_at")
    assert [one for (one,) in started] == turns
