"""A Postgres that takes no writes (a standby, before it takes over) is one that is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from assistant.errors import StorageUnavailable
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import house, until, working


@asynccontextmanager
async def read_only(database_url: str) -> AsyncIterator[None]:
    await _turn(database_url, "SET default_transaction_read_only = on")
    try:
        yield
    finally:
        await _turn(database_url, "RESET default_transaction_read_only")


async def _turn(database_url: str, setting: str) -> None:
    """All sessions end, and the next ones have the setting."""
    async with await psycopg.AsyncConnection.connect(
        database_url, autocommit=True, options="-c default_transaction_read_only=off"
    ) as connection:
        name = connection.info.dbname
        await connection.execute(f'ALTER DATABASE "{name}" {setting}'.encode())
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


async def test_nothing_is_taken_in_meanwhile_and_all_goes_on_after_it(
    database_url: str, redis_url: str
) -> None:
    model = ScriptedEngine(ScriptedSettings(tokens_per_second=60, answer_tokens=60))
    async with house(database_url, redis_url) as home, working(home.worker(model)):
        turn = (await home.say("About herons", message_id="500")).turn_id
        await until(lambda: home.screen.calls.count("edit") > 1)
        async with read_only(database_url):
            with pytest.raises(StorageUnavailable):
                await home.say("and ducks", event_id="e-1", message_id="501")
            await until(lambda: model.statistics().requests_running == 0)
        reply, last = await home.answer(turn)
        assert last.state == "done" and "herons" in reply
        assert last.attempt == 1, "what was written meanwhile is kept"
        again = await home.say("and ducks", event_id="e-1", message_id="501")
        assert not again.duplicate
        await home.answer(again.turn_id)
