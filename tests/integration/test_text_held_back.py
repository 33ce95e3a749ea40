"""With stop strings an engine holds text back whose tokens it has: a takeover says it first."""

from __future__ import annotations

import asyncio

from assistant.answering.turns import Claimant, Piece
from inference.api import ChatMessage, Prompt
from inference.scripted import ScriptedEngine, answer_to, id_of, tokens_of
from inference.settings import ScriptedSettings
from tests.support.house import house, working

QUESTION = ChatMessage("user", "About herons and storks in the reeds")
SAID, MADE = 3, 6  # tokens of which the text was said, and which stand in Postgres


async def test_an_answer_goes_on_without_a_hole(database_url: str, redis_url: str) -> None:
    engine = ScriptedEngine(ScriptedSettings(tokens_per_second=200))
    tokens = tokens_of(answer_to([QUESTION]))
    ids = tuple(id_of(token) for token in tokens[:MADE])
    async with house(database_url, redis_url) as home:
        turn = (await home.say(QUESTION.content)).turn_id
        claimant = Claimant("dead", 0.01, engine.info.fingerprint, engine.info.profile)
        [claimed] = await home.turns.claim(claimant, 1)
        piece = Piece(
            turn,
            claimed.attempt,
            0,
            "".join(tokens[:SAID]),
            0,
            ids,
            Prompt((QUESTION,), (1, 2, 3)),
            engine.info.fingerprint,
        )
        assert await home.turns.checkpoint([piece])
        await asyncio.sleep(0.05)
        async with working(home.worker(engine)):
            shown, last = await home.answer(turn)
        [(kept, attempt)] = await home.rows("SELECT reply, attempt FROM turns")
        assert attempt == claimed.attempt + 1 and last.state == "done"
        assert kept.startswith(answer_to([QUESTION]))
        assert shown == kept
