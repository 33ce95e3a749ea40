"""A turn that failed is listed, and answered again in its place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from assistant.answering.turn_list import NEWEST, TurnList
from assistant.answering.worker import INTERNAL
from assistant.errors import RecipientUnreachable
from assistant.storage.database import rows
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import CHAT, FAST, House, house, until, working
from tests.support.screen import Shown

# Its first failure is the end.
ONE_TRY = FAST.model_copy(update={"attempts": 1})


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url, settings=ONE_TRY) as built:
        yield built


def engine(**values: float) -> ScriptedEngine:
    return ScriptedEngine(ScriptedSettings(**{"tokens_per_second": 500.0, **values}))


async def fail(home: House, question: str) -> int:
    async with working(home.worker(engine(fail_after_tokens=3))):
        turn = (await home.say(question)).turn_id
        _, last = await home.answer(turn)
        assert last.state == "failed"
        await until(lambda: [one for one in shown_of(home) if one.turn_id == turn and one.final])
    return turn


def shown_of(home: House) -> list[Shown]:
    return home.screen.chats[CHAT.chat_id]


async def test_failed_turns_are_listed_newest_first_with_what_was_said(home: House) -> None:
    turns = [await fail(home, "herons?"), await fail(home, "storks?")]
    listed = await TurnList(home.database).newest("failed", 20)
    assert [one.id for one in listed] == turns[::-1]
    newest = listed[0]
    assert (newest.channel, newest.chat_id, newest.person) == ("telegram", "42", "Ana")
    assert (newest.state, newest.attempts, newest.error_code) == ("failed", 1, "engine_unavailable")
    assert newest.error in shown_of(home)[-1].text
    assert len(await TurnList(home.database).newest("failed", 1)) == 1


async def test_a_retried_turn_is_answered_in_the_same_message(home: House) -> None:
    turn = await fail(home, "Tell me about herons")
    (shown,) = shown_of(home)
    assert "⚠" in shown.text and shown.failed
    again = await home.service.retry(turn)
    assert again is not None
    async with working(home.worker(engine())):
        answer, last = await home.answer(again)
        assert (last.state, "herons" in answer) == ("done", True)
        await until(lambda: shown.final and shown.text == answer)
    assert shown_of(home) == [shown]
    assert not shown.failed
    assert await TurnList(home.database).newest("failed", 20) == []
    found = await TurnList(home.database).find(turn)
    assert found is not None
    assert found.superseded_by == again
    spoken = [(one.role, one.text) for one in await home.service.history(CHAT)]
    assert spoken == [("user", "Tell me about herons"), ("assistant", answer)]


async def test_an_answer_that_could_not_be_delivered_is_listed_and_can_be_tried_again(
    home: House,
) -> None:
    home.screen.failures = [RecipientUnreachable("blocked")]
    async with working(home.worker(engine())):
        turn = (await home.say("Tell me about herons")).turn_id
        answer, _ = await home.answer(turn)
        await until(lambda: _undelivered(home))
        assert shown_of(home) == []
        (listed,) = await TurnList(home.database).newest("failed", 20)
        assert (listed.id, listed.state) == (turn, "done")
        assert listed.error_code == "undelivered, recipient_unreachable"
        await home.service.retry(turn)
        await until(lambda: [one for one in shown_of(home) if one.text == answer and one.final])
    assert await TurnList(home.database).newest("failed", 20) == []


async def _undelivered(home: House) -> bool:
    return bool(await TurnList(home.database).newest("failed", 20))


@pytest.mark.parametrize(
    "stored",
    [
        """sampling = '{"temperature": 99}'""",
        """sampling = '{"mood": "good"}'""",
        "fingerprint = 'scripted-1', prompt_messages = '[[]]'",
    ],
)
async def test_a_turn_that_this_version_can_not_read_fails_and_the_others_go_on(
    home: House, stored: str
) -> None:
    unreadable = (await home.say("herons?")).turn_id
    await home.rows(f"UPDATE turns SET {stored}")
    other = (await home.say("storks?", replace(CHAT, chat_id="43"))).turn_id
    async with working(home.worker(engine())):
        ended = [(await home.answer(turn))[1] for turn in (unreadable, other)]
        await until(lambda: [one for one in shown_of(home) if one.final])
    assert [(one.state, one.error_code) for one in ended] == [("failed", "internal"), ("done", "")]
    assert INTERNAL in shown_of(home)[0].text
    assert [one.id for one in await TurnList(home.database).newest("failed", 20)] == [unreadable]


async def test_a_turn_that_is_not_over_is_not_retried(home: House) -> None:
    waiting = (await home.say("herons?")).turn_id
    assert await home.service.retry(waiting) is None
    async with working(home.worker(engine(tokens_per_second=20.0))):
        await until(lambda: _states(home, "running"))
        assert await home.service.retry(waiting) is None
        assert await home.service.retry(10_000) is None
        await home.answer(waiting)
    assert [one.id for one in await TurnList(home.database).newest("all", 20)] == [waiting]


async def _states(home: House, state: str) -> bool:
    listed = await TurnList(home.database).newest("all", 20)
    return [one.state for one in listed] == [state]


async def test_each_state_is_listed_by_itself(home: House) -> None:
    failed = await fail(home, "herons?")
    queued = (await home.say("storks?")).turn_id
    turns = TurnList(home.database)
    assert [one.id for one in await turns.newest("queued", 20)] == [queued]
    assert [one.id for one in await turns.newest("running", 20)] == []
    assert [one.id for one in await turns.newest("all", 20)] == [queued, failed]


@pytest.mark.parametrize(("state", "index"), [("failed", "ix_turns_failed"), ("all", "pk_turns")])
async def test_a_list_is_read_from_its_index(home: House, state: str, index: str) -> None:
    async with home.database.transaction() as connection:
        await rows(connection, "SET LOCAL enable_seqscan = off")
        lines = await rows(connection, f"EXPLAIN {NEWEST[state]}", {"limit": 20})
    plan = "\n".join(line for (line,) in lines)
    assert f"Index Scan Backward using {index}" in plan, plan
