"""An admin retries what failed: one turn, or all; and ends one that waits or runs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from assistant.answering import retries
from assistant.answering.retries import Retries
from assistant.answering.turns import Claimant
from assistant.errors import TurnNotFound
from assistant.insight.failures import Failures
from assistant.messages import ChatRef
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.admins import ROOT, noted, stand
from tests.support.house import CHAT, FAST, House, house, until, working

ONE_TRY = FAST.model_copy(update={"attempts": 1})
CHATS = [ChatRef("telegram", "default", str(number)) for number in range(60, 64)]


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url, settings=ONE_TRY) as built:
        yield built


@pytest.fixture
def handling(home: House) -> Retries:
    return Retries(home.database, home.signals)


def engine(**values: float) -> ScriptedEngine:
    return ScriptedEngine(ScriptedSettings(**{"tokens_per_second": 500.0, **values}))


async def fail(home: House, *chats: ChatRef) -> list[int]:
    """A question in each chat, whose answer breaks off; its end stands there."""
    async with working(home.worker(engine(fail_after_tokens=3))):
        turns = [(await home.say("Tell me about herons", chat)).turn_id for chat in chats]
        for turn in turns:
            assert (await home.answer(turn))[1].state == "failed"
        await until(lambda: stand(home, *(chat.chat_id for chat in chats)))
    return turns


async def test_one_turn_is_answered_again_in_its_place_and_the_audit_log_says_who(
    home: House, handling: Retries
) -> None:
    (turn,) = await fail(home, CHAT)
    again = await handling.one(ROOT, turn)
    async with working(home.worker(engine())):
        answer, last = await home.answer(again)
        shown = home.screen.chats[CHAT.chat_id]
        await until(lambda: shown[0].final and shown[0].text == answer)
    assert (last.state, len(shown)) == ("done", 1)
    assert await noted(home) == [("root", "turn.retried", f"turn:{turn}")]


async def test_all_that_failed_are_answered_again_each_in_its_own_message(
    home: House, handling: Retries
) -> None:
    turns = await fail(home, *CHATS)
    retried = await handling.all(ROOT)
    assert (retried.turns, retried.more) == (4, False)
    async with working(home.worker(engine())):
        for turn in turns:
            (row,) = await home.rows(f"SELECT superseded_by FROM turns WHERE id = {turn}")
            assert (await home.answer(row[0]))[1].state == "done"
        shown = [home.screen.chats[chat.chat_id][0] for chat in CHATS]
        await until(lambda: all(one.last and "herons" in one.text for one in shown))
    assert not any("⚠" in one.text for one in shown)
    assert all(len(home.screen.chats[chat.chat_id]) == 1 for chat in CHATS)
    assert await Failures(home.database).newest(10) == []
    assert await noted(home) == [("root", "turns.retried", "turns")]


async def test_of_many_no_more_than_a_batch_is_taken_and_it_says_that_there_are_more(
    home: House, handling: Retries, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fail(home, *CHATS)
    monkeypatch.setattr(retries, "MOST", 3)
    first, second, third = [await handling.all(ROOT) for _ in range(3)]
    assert [(one.turns, one.more) for one in (first, second, third)] == [
        (3, True), (1, False), (0, False),
    ]  # fmt: skip


async def test_those_with_one_error_are_retried_alone(home: House, handling: Retries) -> None:
    turns = await fail(home, *CHATS)
    await home.rows(f"UPDATE turns SET error_code = 'timeout' WHERE id = {turns[1]}")
    assert (await handling.all(ROOT, "timeout")).turns == 1
    assert [one.id for one in await Failures(home.database).newest(10)] == [
        turns[3], turns[2], turns[0],
    ]  # fmt: skip


async def test_people_who_ask_meanwhile_go_before_a_batch(home: House, handling: Retries) -> None:
    await fail(home, *CHATS)
    await handling.all(ROOT)
    asked = (await home.say("And I?", CHAT)).turn_id
    first = await home.turns.claim(Claimant("worker", 10.0, "scripted-1"), 1)
    assert [one.id for one in first] == [asked]
    rest = await home.turns.claim(Claimant("worker", 10.0, "scripted-1"), 10)
    assert {one.priority for one in rest} == {1}
    assert len(rest) == 4


async def test_a_turn_whose_question_is_gone_is_left_out_and_said_so(
    home: House, handling: Retries
) -> None:
    (turn,) = await fail(home, CHAT)
    await home.rows("UPDATE messages SET deleted_at = now()")
    assert (await handling.all(ROOT)).turns == 0
    with pytest.raises(TurnNotFound, match="deleted"):
        await handling.one(ROOT, turn)
    assert await noted(home) == []


async def test_what_cannot_be_retried_says_why(home: House, handling: Retries) -> None:
    waiting = (await home.say("herons?")).turn_id
    with pytest.raises(TurnNotFound, match="not over yet"):
        await handling.one(ROOT, waiting)
    with pytest.raises(TurnNotFound, match="no such turn"):
        await handling.one(ROOT, 10_000)
    async with working(home.worker(engine())):
        await home.answer(waiting)
    again = await handling.one(ROOT, waiting)
    with pytest.raises(TurnNotFound, match=f"it is turn {again} now"):
        await handling.one(ROOT, waiting)


async def test_a_turn_that_waits_or_runs_is_ended_and_keeps_what_was_said(
    home: House, handling: Retries
) -> None:
    async with working(home.worker(engine(tokens_per_second=20.0, answer_tokens=500))):
        running = (await home.say("A story", CHAT)).turn_id
        shown = home.screen.chats[CHAT.chat_id]
        await until(lambda: shown and "You wrote" in shown[0].text)
        await handling.stop(ROOT, running)
        answer, last = await home.answer(running)
    waiting = (await home.say("Another", CHATS[0])).turn_id
    await handling.stop(ROOT, waiting)
    assert (await home.answer(waiting))[1].state == "stopped"
    assert (last.state, "You wrote" in answer) == ("stopped", True)
    with pytest.raises(TurnNotFound, match="over already"):
        await handling.stop(ROOT, running)
    assert await noted(home) == [
        ("root", "turn.stopped", f"turn:{running}"),
        ("root", "turn.stopped", f"turn:{waiting}"),
    ]
