"""What people used stands in `usage_days` the moment a turn ends, however it ends, and once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest_asyncio
from alembic import command
from sqlalchemy import NullPool, create_engine

from assistant.answering.turns import Claimant, Outcome
from assistant.messages import ChatRef, Command
from assistant.orders.erasure import Erasure
from assistant.storage import schema
from assistant.storage.database import sqlalchemy_url
from inference.api import ChatMessage, Sampling
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import CHAT, House, house, until, working

GROUP = replace(CHAT, chat_id="-100", kind="group")
BEFORE = "0010"  # the schema without the table
USED = """
SELECT persons.name, chat, turns, messages, prompt_tokens, cached_tokens, output_tokens, failed
FROM usage_days JOIN persons ON persons.id = person_id
WHERE day = CAST(now() AT TIME ZONE 'UTC' AS date) ORDER BY persons.id, chat
"""


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


async def used(home: House) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await home.rows(USED)]


async def end(home: House, **values: Any) -> None:
    """Play the worker that answers the only turn that waits."""
    (turn,) = await home.turns.claim(Claimant("worker", 10.0, "model"), 1)
    ended = Outcome(**{"state": "done", "reply": "Yes.", "prompt_tokens": 90, **values})
    assert await home.turns.finish(turn, ended)


async def test_an_answer_is_counted_for_who_asked(home: House) -> None:
    await home.say("One")
    await home.say("Two")  # joins it
    assert await used(home) == []
    await end(home, cached_tokens=80, output_tokens=5)
    assert await used(home) == [("Ana", "", 1, 2, 90, 80, 5, 0)]
    await home.say("Three")
    await end(home, output_tokens=1)
    assert await used(home) == [("Ana", "", 2, 3, 180, 80, 6, 0)]


async def test_a_failed_answer_and_one_that_was_stopped_are_counted(home: House) -> None:
    await home.say("One")
    await end(home, state="failed", error_code="engine", prompt_tokens=0)
    second = await home.say("Two")
    assert await home.service.stop(second.turn_id)
    assert await used(home) == [("Ana", "", 2, 2, 0, 0, 0, 1)]


async def test_in_a_group_each_ones_messages_are_theirs_and_the_answer_is_the_firsts(
    home: House,
) -> None:
    await home.say("I saw it.", GROUP)
    joined = await home.say("And I.", GROUP, sender_id="8", sender_name="Ben")
    assert joined.joined
    await end(home, output_tokens=5)
    assert await used(home) == [
        ("Ana", "-100", 1, 1, 90, 0, 5, 0),
        ("Ben", "-100", 0, 1, 0, 0, 0, 0),
    ]


async def test_a_question_that_is_asked_again_is_one_message_and_two_answers(home: House) -> None:
    said = await home.say("One")
    await end(home, output_tokens=5)
    assert await home.service.retry(said.turn_id)
    await end(home, output_tokens=6)
    assert await used(home) == [("Ana", "", 2, 1, 180, 0, 11, 0)]


async def test_of_an_answer_that_was_cut_off_what_was_checkpointed_counts(home: House) -> None:
    slow = ScriptedEngine(ScriptedSettings(tokens_per_second=20.0))
    async with working(home.worker(slow)):
        said = await home.say("Tell me all about the sea, please.")
        await until(lambda: _checkpointed(home))
        assert await home.service.retry(said.turn_id) is None  # it runs
        await home.service.erase(CHAT, await _message(home))
    ((_, _, turns, messages, read, _, written, _),) = await used(home)
    assert (turns, messages) == (1, 1)
    assert read > 0
    assert written > 0


async def _checkpointed(home: House) -> bool:
    return bool(await home.rows("SELECT FROM turns WHERE cardinality(reply_token_ids) > 0"))


async def _message(home: House) -> str:
    ((found,),) = await home.rows("SELECT platform_message_id FROM messages")
    return str(found)


async def test_a_request_of_the_api_is_one_message(home: House) -> None:
    quoted = [ChatMessage("user", "One"), ChatMessage("assistant", "Yes"), ChatMessage("user", "2")]
    await home.service.accept_request(ChatRef("api", "default", "request-1"), quoted, Sampling())
    await end(home, output_tokens=5)
    assert await used(home) == [("API", "", 1, 1, 90, 0, 5, 0)]


async def test_what_an_erased_person_used_falls_with_them(home: House) -> None:
    await home.say("One")
    await end(home)
    ((person,),) = await home.rows("SELECT id FROM persons")
    await Erasure(home.database, home.redis).person(person)
    assert await home.rows("SELECT FROM usage_days") == []


async def test_an_order_counts_nothing(home: House) -> None:
    await home.service.command(Command(CHAT, "help", "7", "Ana"))
    assert await used(home) == []


async def test_what_ended_before_the_table_was_there_is_counted_by_the_migration(
    home: House, database_url: str
) -> None:
    await home.say("One")
    await home.say("Two", GROUP, sender_id="8", sender_name="Ben")
    for _ in range(2):
        (turn,) = await home.turns.claim(Claimant("worker", 10.0, "model"), 1)
        ended = Outcome("done", "Yes.", prompt_tokens=90, output_tokens=5)
        assert await home.turns.finish(turn, ended)
    await home.say("Three")  # waits, and is counted when it ends
    before = await used(home)
    engine = create_engine(sqlalchemy_url(database_url), poolclass=NullPool)
    with engine.begin() as connection:
        config = schema.alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, BEFORE)
        command.upgrade(config, "head")
    assert await used(home) == before
    assert len(before) == 2
    with psycopg.connect(database_url) as connection:
        counted = connection.execute("SELECT count(*) FROM usage_days").fetchone()
    assert counted == (2,)
