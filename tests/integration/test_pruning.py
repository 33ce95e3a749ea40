"""Events that no platform delivers again are forgotten; those that may come again are not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from assistant.accounts import Accounts
from assistant.storage import pruning
from assistant.storage.database import Database, open_database
from assistant.storage.pruning import Pruning


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        await Accounts(opened).register("telegram", "default")
        yield opened


async def events(database: Database, days: float, count: int) -> None:
    """So many events that came so many days ago."""
    await database.rows(
        "INSERT INTO events (account_id, event_id, chat_id, received_at)"
        " SELECT id, %(days)s || '-' || n, 'chat', now() - make_interval(days => %(days)s)"
        " FROM accounts, generate_series(1, %(count)s) AS n",
        {"days": days, "count": count},
    )


async def left(database: Database) -> dict[str, int]:
    rows = await database.rows(
        "SELECT split_part(event_id, '-', 1), count(*) FROM events GROUP BY 1"
    )
    return {str(days): int(count) for days, count in rows}


async def test_old_events_are_pruned_and_those_of_the_last_week_stay(database: Database) -> None:
    for days in (0, 7, 9, 400):
        await events(database, days, 3)
    assert await Pruning(database).prune() == 6
    assert await left(database) == {"0": 3, "7": 3}


async def test_more_than_a_batch_is_pruned_to_its_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BATCH", 10)
    monkeypatch.setattr(pruning, "PAUSE_SECONDS", 0.0)
    await events(database, 9, 25)
    await events(database, 1, 1)
    assert await Pruning(database).prune() == 25
    assert await left(database) == {"1": 1}


async def test_sign_ins_of_admins_that_are_over_are_forgotten(database: Database) -> None:
    await database.rows("INSERT INTO admins (name, role) VALUES ('ana', 'admin')")
    await database.rows(
        "INSERT INTO admin_sessions (hash, admin_id, address, agent, created_at)"
        " SELECT convert_to(days::text, 'utf8'), admins.id, '', '', now() - days * interval '1 day'"
        " FROM admins, unnest(ARRAY[1, 6, 8]) AS days"
    )
    await Pruning(database).prune_sessions()
    left = await database.rows("SELECT convert_from(hash, 'utf8') FROM admin_sessions ORDER BY 1")
    assert [days for (days,) in left] == ["1", "6"]
