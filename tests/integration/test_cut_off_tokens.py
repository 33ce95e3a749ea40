"""Tokens of an answer that was cut off were used all the same: its turn keeps their count."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from assistant.answering.turns import Claimant, Outcome, Piece
from assistant.messages import Edited
from inference.api import ChatMessage, Prompt
from tests.support.house import CHAT, House, house

USED = "SELECT state, prompt_tokens, output_tokens FROM turns WHERE id = %(turn)s"
PROMPT = Prompt((ChatMessage("user", "About herons"),), (1, 2, 3, 4, 5))


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


async def begun(home: House) -> int:
    """A turn of which two tokens were written, and whose worker fell silent."""
    turn = (await home.say("About herons", message_id="500")).turn_id
    [claimed] = await home.turns.claim(Claimant("worker", 0.01, "model"), 1)
    piece = Piece(turn, claimed.attempt, 0, "Herons", 0, (7, 8), PROMPT, "model")
    assert await home.turns.checkpoint([piece])
    await asyncio.sleep(0.05)
    return turn


async def used(home: House, turn: int) -> tuple[object, ...]:
    [row] = await home.rows(USED, {"turn": turn})
    return tuple(row)


async def test_of_a_stopped_answer(home: House) -> None:
    turn = await begun(home)
    assert await home.service.stop(turn)
    assert await used(home, turn) == ("stopped", 5, 2)


async def test_of_an_answer_whose_question_was_edited(home: House) -> None:
    turn = await begun(home)
    await home.service.edit(Edited(CHAT, "edit-1", "500", "7", "About storks"))
    assert await used(home, turn) == ("cancelled", 5, 2)


async def test_what_the_worker_counted_stands(home: House) -> None:
    turn = (await home.say("About herons")).turn_id
    [claimed] = await home.turns.claim(Claimant("worker", 10.0, "model"), 1)
    counted = Outcome("done", "Herons wade.", "stop", prompt_tokens=900, output_tokens=3)
    assert await home.turns.finish(claimed, counted)
    assert await used(home, turn) == ("done", 900, 3)
