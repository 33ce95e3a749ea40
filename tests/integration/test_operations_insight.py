"""What an admin sees of the queue, and of what failed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from assistant.insight.failures import Failures
from assistant.insight.queue import QueueInsight
from assistant.messages import ChatRef
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import CHAT, FAST, House, house, until, working

OTHER = ChatRef("telegram", "default", "43")


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    settings = FAST.model_copy(update={"attempts": 1})
    async with house(database_url, redis_url, settings=settings) as built:
        yield built


async def test_the_queue_has_what_runs_and_what_waits_in_its_order(home: House) -> None:
    engine = ScriptedEngine(ScriptedSettings(tokens_per_second=10.0, answer_tokens=500))
    async with working(home.worker(engine)):
        running = (await home.say("A story")).turn_id
        shown = home.screen.chats[CHAT.chat_id]
        await until(lambda: shown and "You wrote" in shown[0].text)
    waiting = [(await home.say("Next", OTHER)).turn_id]
    waiting.append((await home.say("And this", ChatRef("telegram", "default", "44"))).turn_id)
    seen = await QueueInsight(home.database).seen(10)
    assert [one.id for one in seen.running] == [running]
    assert [one.id for one in seen.waiting] == waiting
    first = seen.waiting[0]
    assert (first.channel, first.chat_id, first.person, first.attended) == (
        "telegram", "43", "Ana", False,
    )  # fmt: skip
    assert first.deadline_at is not None
    assert seen.running[0].characters > 0
    (share,) = seen.shares
    assert (share.channel, share.account, share.priority, share.turns) == (
        "telegram", "default", 0, 2,
    )  # fmt: skip
    assert seen.waiting_turns == 2
    assert len((await QueueInsight(home.database).seen(1)).waiting) == 1


async def test_failures_are_listed_by_pages_and_counted_by_their_errors(home: House) -> None:
    broken = ScriptedEngine(ScriptedSettings(tokens_per_second=500.0, fail_after_tokens=1))
    turns = []
    async with working(home.worker(broken)):
        for number in range(5):
            chat = ChatRef("telegram", "default", str(60 + number))
            turns.append((await home.say("herons?", chat)).turn_id)
            assert (await home.answer(turns[-1]))[1].state == "failed"
    await home.rows(f"UPDATE turns SET error_code = 'timeout' WHERE id = {turns[0]}")
    failures = Failures(home.database)
    first = await failures.newest(3)
    assert [one.id for one in first] == turns[:1:-1]
    last = first[-1]
    rest = await failures.newest(3, until=last.finished_at, before=last.id)
    assert [one.id for one in rest] == turns[1::-1]
    assert [one.id for one in await failures.newest(3, "timeout")] == turns[:1]
    assert await failures.by_code() == {"engine_unavailable": 4, "timeout": 1}


async def test_an_admins_experiments_are_no_failures_of_people(home: House) -> None:
    await home.rows(
        "WITH conversation AS ("
        " INSERT INTO conversations (account_id, chat_id, kind)"
        " SELECT id, 'x', 'private' FROM accounts WHERE channel = 'admin' RETURNING id)"
        " INSERT INTO turns (conversation_id, state, finished_at)"
        " SELECT id, 'failed', now() FROM conversation"
    )
    assert await Failures(home.database).newest(5) == []
