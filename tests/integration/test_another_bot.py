"""Another bot under an account's name: what was said to the first is none of its business."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest

from assistant.accounts import Accounts
from assistant.storage.database import Database, open_database

FIRST, SECOND = "99", "5000000001"
ACCOUNTS = "SELECT name, bot, persona, weight FROM accounts WHERE channel = 'telegram' ORDER BY 1"
DECIDED = (
    "UPDATE accounts SET persona = 'pirate', weight = 3",
    "INSERT INTO account_access (account_id, access) SELECT id, 'pairing' FROM accounts",
    "INSERT INTO allowlist (account_id, entry) SELECT id, '7' FROM accounts",
    "INSERT INTO quotas (subject, account_id, tokens_per_day)"
    " SELECT 'account:' || id, id, 100 FROM accounts",
    "INSERT INTO canned_answers (title, phrases, answer, account_id)"
    " SELECT 'Hours', '{hours}', 'Nine to five', id FROM accounts",
    "INSERT INTO persons (name) VALUES ('Mallory'), ('Ana')",
    "INSERT INTO identities (person_id, account_id, platform_id, name, access)"
    " SELECT persons.id, accounts.id, persons.name, persons.name,"
    " CASE persons.name WHEN 'Ana' THEN 'allowed' ELSE 'blocked' END FROM persons, accounts",
)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened


async def register(database: Database, bot_id: str) -> int:
    return (await Accounts(database).register("telegram", "default", bot_id=bot_id)).id


async def accounts(database: Database) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await database.rows(ACCOUNTS)]


async def test_the_same_bot_and_one_that_was_not_known_go_on(database: Database) -> None:
    first = await register(database, "")
    for bot_id in (FIRST, FIRST, "", FIRST):
        assert await register(database, bot_id) == first
    assert await accounts(database) == [("default", FIRST, "", 1)]


async def test_another_bot_begins_anew_and_one_that_comes_back_goes_on(database: Database) -> None:
    first = await register(database, FIRST)
    second = await register(database, SECOND)
    assert second != first
    assert await register(database, SECOND) == second
    assert [row[:2] for row in await accounts(database)] == [
        ("default", SECOND),
        (f"default of {FIRST}", FIRST),
    ]
    assert await register(database, FIRST) == first
    assert await register(database, SECOND) == second
    assert len(await accounts(database)) == 2


async def test_what_admins_decided_holds_for_the_new_one(
    database: Database, database_url: str
) -> None:
    first = await register(database, FIRST)
    for statement in DECIDED:
        await database.rows(statement)
    second = await register(database, SECOND)
    assert [row[2:] for row in await accounts(database)] == [("pirate", 3), ("pirate", 3)]
    values = {"second": second}
    with psycopg.connect(database_url) as connection:

        def of_second(columns: str, table: str) -> list[tuple[object, ...]]:
            statement = f"SELECT {columns} FROM {table} WHERE account_id = %(second)s"
            return connection.execute(statement.encode(), values).fetchall()

        assert of_second("access", "account_access") == [("pairing",)]
        assert of_second("entry", "allowlist") == [("7",)]
        assert of_second("subject, tokens_per_day", "quotas") == [(f"account:{second}", 100)]
        both = "SELECT count(*) FROM quotas"  # a bot that comes back has its own again
        assert connection.execute(both).fetchone() == (2,)
        assert of_second("title, answer", "canned_answers") == [("Hours", "Nine to five")]
        # Who was let in was so by the first bot; nothing joins the two.
        assert of_second("name, access", "identities") == [("Mallory", "blocked")]
        together = "SELECT count(*), count(DISTINCT person_id) FROM identities"
        assert connection.execute(together).fetchone() == (3, 3)
        kept = "SELECT count(*) FROM identities WHERE account_id = %(first)s"
        assert connection.execute(kept, {"first": first}).fetchone() == (2,)
