"""A stop is heard whoever is at the turn, or nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from assistant.answering.turns import Claimant, Piece
from inference.api import ChatMessage, Prompt
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import FAST, House, house, until, working


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


async def test_a_turn_whose_worker_has_died_is_stopped_also_where_no_other_is_there(
    home: House,
) -> None:
    turn = (await home.say("About herons")).turn_id
    await home.turns.claim(Claimant("dead", 0.1, "model"), 1)
    await until(lambda: home.rows("SELECT FROM turns WHERE lease_until < now()"))
    assert await home.service.stop(turn)
    _, last = await home.answer(turn)
    assert last.state == "stopped"


async def test_a_turn_that_is_given_back_while_it_is_to_stop_is_not_tried_again(
    home: House,
) -> None:
    turn = (await home.say("About herons")).turn_id
    (claimed,) = await home.turns.claim(Claimant("worker", FAST.lease_seconds, "model"), 1)
    assert await home.service.stop(turn)
    prompt = Prompt((ChatMessage("user", "About herons"),), None)
    await home.turns.checkpoint([Piece(turn, claimed.attempt, 0, "A", 0, [1], prompt, "model")])
    await home.turns.release(claimed, 60.0, "engine", failed=True)
    _, last = await home.answer(turn)
    assert last.state == "stopped"
    prompts = "SELECT FROM turns WHERE prompt_messages IS NOT NULL"
    assert not await home.rows(prompts), "it repeats what others wrote"


async def test_what_is_shown_of_a_turn_that_was_stopped_unattended_is_what_is_kept(
    home: House,
) -> None:
    model = ScriptedEngine(ScriptedSettings(tokens_per_second=200, answer_tokens=400))
    async with working(home.worker(model)):
        turn = (await home.say("About herons")).turn_id
        await until(lambda: home.screen.calls.count("edit") > 3)
    # The worker has given it back, with all that it said. A checkpoint is older by up to a second.
    await home.rows(f"UPDATE turns SET reply = left(reply, 5) WHERE id = {turn} RETURNING id")
    await home.service.stop(turn)
    await until(lambda: home.screen.chats["42"][0].final)
    assert await home.rows(f"SELECT reply FROM turns WHERE id = {turn}") == [
        (home.screen.chats["42"][0].text,)
    ]
