"""A word planted in all that is stored, and where it still stands: which table, which Redis key."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import psycopg
from redis.asyncio import Redis

from assistant.storage.database import Database

# Of the whole program, not of any person.
OURS = (
    *("accounts", "alembic_version", "installs", "instructions"),
    *("broadcasts", "channel_states"),
    *("figures", "figure_latencies", "figure_people"),
)
COLUMNS = """
SELECT table_name, column_name, udt_name FROM information_schema.columns
WHERE table_schema = 'public' AND udt_name IN ('text', 'varchar', 'jsonb', 'json', '_text')
ORDER BY 1, 2
"""
TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"


async def plant(database: Database, word: str, *, but: Collection[str] = ()) -> set[str]:
    """Put `word` into every column of every row that can hold it and does not yet.

    Returns the columns ("table.column") that could not: those with a list of values.
    """
    refused: set[str] = set()
    for table, column, kind in await database.rows(COLUMNS):
        if table in OURS or f"{table}.{column}" in but:
            continue
        planted = f"coalesce({column}::text, '') || '{word}' || ctid::text"
        if kind in ("json", "jsonb"):
            planted = f"to_{kind}({planted})"
        elif kind == "_text":
            planted = f"ARRAY[{planted}]"
        where = f"coalesce({column}::text, '') NOT LIKE '%{word}%'"
        try:
            await database.rows(f"UPDATE {table} SET {column} = {planted} WHERE {where}")
        except psycopg.IntegrityError:
            refused.add(f"{table}.{column}")
    return refused


async def tables_with(database: Database, word: str) -> dict[str, int]:
    """Table → rows in which the word stands, in whatever column."""
    found: dict[str, int] = {}
    for (table,) in await database.rows(TABLES):
        query = f"SELECT count(*) FROM {table} WHERE {table}::text ILIKE '%{word}%'"
        ((count,),) = await database.rows(query)
        if count:
            found[table] = count
    return found


async def tables_with_text(database: Database) -> set[str]:
    """All tables in which a word could stand."""
    return {row.table_name for row in await database.rows(COLUMNS)} - set(OURS)


async def keys_with(redis: Redis, word: str) -> list[str]:
    """Redis keys in whose name or value the word stands."""
    return [
        name
        async for name in redis.scan_iter(count=1000)
        if word in f"{name} {await _value(redis, name)!r}".lower()
    ]


async def _value(redis: Redis, name: str) -> Any:
    kind = await redis.type(name)
    if kind == "string":
        return await redis.get(name)
    if kind == "hash":
        return await redis.hgetall(name)
    if kind == "zset":
        return await redis.zrange(name, 0, -1)
    if kind == "stream":
        return await redis.xrange(name)
    raise AssertionError(f"{name} is a {kind}, which this search can't read yet")


async def rows_of(database: Database, word: str) -> dict[str, list[str]]:
    """Table → its rows in which the word stands, as text."""
    found: dict[str, list[str]] = {}
    for (table,) in await database.rows(TABLES):
        query = f"SELECT {table}::text FROM {table} WHERE {table}::text ILIKE '%{word}%'"
        found[table] = sorted(row for (row,) in await database.rows(query))
    return found
