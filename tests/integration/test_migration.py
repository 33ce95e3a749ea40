"""A group that becomes a supergroup: its conversation goes on there, exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest_asyncio

from assistant.errors import ChatMoved
from assistant.messages import ChatRef
from assistant.orders.erasure import Erasure
from assistant.outgoing.penalties import AccountKeys, Penalties
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import House, house, until, working

OLD = ChatRef("telegram", "default", "-40", kind="group")
NEW = ChatRef("telegram", "default", "-100", kind="group")


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


def engine(pace: float = 2000.0, answer_tokens: int = 12) -> ScriptedEngine:
    return ScriptedEngine(ScriptedSettings(tokens_per_second=pace, answer_tokens=answer_tokens))


async def said(home: House, chat: ChatRef) -> list[str]:
    return [one.text for one in await home.service.history(chat) if one.role == "user"]


async def open_deliveries(home: House) -> list[tuple[object, ...]]:
    return await home.rows("SELECT FROM deliveries WHERE finished_at IS NULL")


async def ask_and_answer(home: House, *questions: tuple[str, ChatRef]) -> None:
    async with working(home.worker(engine())):
        for text, chat in questions:
            await home.answer((await home.say(text, chat)).turn_id)

        async def all_shown() -> bool:
            return not await open_deliveries(home)

        await until(all_shown)


async def test_the_conversation_is_known_under_the_new_id_alone(home: House) -> None:
    await ask_and_answer(home, ("one", OLD), ("two", OLD))
    await home.service.move(OLD, NEW.chat_id)
    assert await said(home, NEW) == ["one", "two"]
    assert await said(home, OLD) == []


async def test_many_notices_at_once_move_it_once(home: House) -> None:
    await ask_and_answer(home, ("one", OLD), ("two", NEW))
    await asyncio.gather(*(home.service.move(OLD, NEW.chat_id) for _ in range(8)))
    assert await said(home, NEW) == ["one", "two"]
    assert await home.rows("SELECT chat_id FROM conversations") == [(NEW.chat_id,)]


async def test_two_histories_become_one_in_the_order_in_which_all_was_said(home: House) -> None:
    await ask_and_answer(home, ("one", OLD), ("two", NEW), ("three", OLD), ("four", NEW))
    await home.service.move(OLD, NEW.chat_id)
    assert await said(home, NEW) == ["one", "two", "three", "four"]


async def test_what_was_left_behind_by_a_new_beginning_stays_so(home: House) -> None:
    await ask_and_answer(home, ("forgotten", OLD))
    await home.rows(
        "UPDATE conversations SET starts_after = (SELECT max(id) FROM messages), persona = 'pirate'"
    )
    await ask_and_answer(home, ("one", OLD), ("two", NEW))
    await home.service.move(OLD, NEW.chat_id)
    assert await said(home, NEW) == ["one", "two"]
    assert await home.rows("SELECT persona FROM conversations") == [("pirate",)]


async def test_the_new_chats_message_with_an_old_ones_number_is_a_message_of_its_own(
    home: House,
) -> None:
    """A supergroup counts its messages from 1 again."""
    await home.say("old", OLD, message_id="1")
    await home.service.move(OLD, NEW.chat_id)
    assert not (await home.say("new", NEW, message_id="1")).duplicate
    assert (await home.say("old", OLD, message_id="1")).duplicate
    assert await said(home, NEW) == ["old", "new"]


async def test_a_reply_under_way_goes_on_in_the_new_chat(home: House) -> None:
    async with working(home.worker(engine(pace=100, answer_tokens=150))):
        turn = (await home.say("Tell me", OLD)).turn_id
        await until(lambda: any(one.text for one in home.screen.chats[OLD.chat_id]))
        before = len(home.screen.chats[OLD.chat_id][0].looks)
        await home.service.move(OLD, NEW.chat_id)
        reply, _ = await home.answer(turn)
        await until(lambda: any(one.final for one in home.screen.chats[NEW.chat_id]))
    assert [one.text for one in home.screen.chats[NEW.chat_id]] == [reply]
    (left,) = home.screen.chats[OLD.chat_id]
    assert len(left.looks) <= before + 1, "one edit may have been on its way"
    assert await home.rows("SELECT state, attempt FROM turns") == [("done", 1)]


async def test_a_call_that_names_the_new_chat_moves_it_and_the_answer_is_shown_there(
    home: House,
) -> None:
    home.screen.failures = [ChatMoved(NEW.chat_id)]
    async with working(home.worker(engine())):
        reply, _ = await home.answer((await home.say("Tell me", OLD)).turn_id)
        await until(lambda: any(one.final for one in home.screen.chats[NEW.chat_id]))
    assert [one.text for one in home.screen.chats[NEW.chat_id]] == [reply]
    assert home.screen.chats[OLD.chat_id] == []
    assert await home.rows("SELECT state, error FROM deliveries") == [("done", "")]


async def test_what_runs_in_both_chats_is_answered_one_after_the_other(home: House) -> None:
    async with working(home.worker(engine(pace=100, answer_tokens=60))):
        first = (await home.say("one", OLD)).turn_id
        second = (await home.say("two", NEW)).turn_id
        both = "SELECT FROM turns WHERE state = 'running' AND shown_at IS NOT NULL"

        async def both_run() -> bool:
            return len(await home.rows(both)) == 2

        await until(both_run)
        waiting = (await home.say("three", OLD)).turn_id
        await home.service.move(OLD, NEW.chat_id)
        replies = [(await home.answer(turn))[0] for turn in (first, second, waiting)]

        async def all_shown() -> bool:
            return not await open_deliveries(home)

        await until(all_shown)
    stands = [one.text for one in home.screen.chats[NEW.chat_id]]
    assert sorted(stands) == sorted(replies)
    order = "SELECT id FROM turns ORDER BY finished_at"
    assert [row[0] for row in await home.rows(order)] == [first, second, waiting]


async def test_a_retried_answer_of_the_old_chat_never_touches_a_message_of_the_new(
    home: House,
) -> None:
    await ask_and_answer(home, ("one", OLD))
    old = home.screen.chats[OLD.chat_id][0]
    await home.service.move(OLD, NEW.chat_id)
    twin = replace(old, looks=["somebody else's"], final=True)
    home.screen.chats[NEW.chat_id].append(twin)
    (turn,) = await home.rows("SELECT id FROM turns")
    async with working(home.worker(engine())):
        again = await home.service.retry(turn[0])
        assert again is not None
        await home.answer(again)
        await until(lambda: len(home.screen.chats[NEW.chat_id]) == 2)
    assert twin.text == "somebody else's"


async def test_a_penalty_holds_in_the_new_chat_too(home: House) -> None:
    await home.say("one", OLD)
    keys = AccountKeys("telegram", "default")
    penalties = Penalties(home.redis, home.database)
    await penalties.store(keys, OLD.chat_id, 60)
    await home.service.move(OLD, NEW.chat_id)
    assert await penalties.standing(keys, NEW.chat_id) > 50
    assert await home.delivery.governor.ask(NEW, home.screen.pace) > 50


async def test_what_was_moved_is_erased_with_its_events(home: House) -> None:
    await ask_and_answer(home, ("one", OLD), ("two", NEW))
    await home.service.move(OLD, NEW.chat_id)
    assert await Erasure(home.database, home.redis).conversation(NEW)
    for table in ("conversations", "messages", "turns", "deliveries", "events"):
        assert await home.rows(f"SELECT FROM {table}") == [], table


async def test_the_groups_quota_and_what_it_used_go_along(home: House) -> None:
    await ask_and_answer(home, ("one", OLD), ("two", NEW))
    await home.rows(
        "INSERT INTO quotas (subject, account_id, chat, messages_per_day)"
        " SELECT 'chat:' || id || ':-40', id, '-40', 5 FROM accounts WHERE channel = 'telegram'"
    )
    await home.service.move(OLD, NEW.chat_id)
    assert await home.rows("SELECT subject LIKE 'chat:%:-100', chat FROM quotas") == [
        (True, "-100")
    ]
    used = await home.rows("SELECT chat, sum(turns)::int FROM usage_days GROUP BY chat")
    assert used == [("-100", 2)]
