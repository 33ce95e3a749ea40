"""Each statement of the hot path finds its rows by an index, however it is planned."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg
import pytest
import pytest_asyncio

import assistant
from tests.support.filling import TABLES, fill
from tests.support.hot_path import STATEMENTS
from tests.support.plans import (
    IN_A_CONVERSATION,
    MESSAGES,
    MODES,
    Plan,
    partial_indexes,
    plans,
    rendered,
)
from tests.support.rare_statements import RARE

BEGINS = re.compile(r"\s*(WITH|SELECT|INSERT|UPDATE|DELETE)\s")
BACKLOG = """
WITH waiting AS (
    INSERT INTO turns (conversation_id, state) SELECT id, 'done' FROM conversations
    RETURNING id, conversation_id)
INSERT INTO deliveries (turn_id, account_id, conversation_id)
SELECT id, 1, conversation_id FROM waiting
"""
# A conversation's open deliveries are found by an index, not among all that are open.
EACH_WITH_EACH = re.compile(r"Filter: .*conversation_id = deliveries\.conversation_id")
BY_DUE_TIME = re.compile(r"Sort Key: .*(due_at|lease_until)")
# Part of other statements, never one by itself.
PARTS = frozenset(
    f"{one}.CONVERSATION" for one in ("control", "conversations", "export", "listening")
)


@dataclass(frozen=True, slots=True)
class Taken:
    plans: Sequence[Plan]
    partial_indexes: frozenset[str]


@pytest_asyncio.fixture
async def taken(database_url: str) -> Taken:
    with psycopg.connect(database_url, autocommit=True) as connection:
        filled = fill(connection, MESSAGES, IN_A_CONVERSATION)
        return Taken(plans(connection, filled), partial_indexes(connection))


def constants() -> Mapping[str, str]:
    """All statements that stand in `assistant/` as constants, by name."""
    found: dict[str, str] = {}
    for one in pkgutil.walk_packages(assistant.__path__, "assistant."):
        if one.name.endswith("__main__") or one.ispkg:
            continue
        module = importlib.import_module(one.name)
        for name, value in vars(module).items():
            full_name = f"{one.name.rpartition('.')[2]}.{name}"
            statement = isinstance(value, str) and BEGINS.match(value)
            if statement and name.isupper() and name[0] != "_" and full_name not in PARTS:
                found[full_name] = value
    return found


async def test_rows_are_found_by_an_index_in_the_tables_that_grow(taken: Taken) -> None:
    print(rendered(taken.plans))
    assert len(taken.plans) == len(STATEMENTS) * len(MODES)
    read = {
        (one.statement, one.mode): one.read_whole(taken.partial_indexes) & set(TABLES)
        for one in taken.plans
    }
    assert {name: tables for name, tables in read.items() if tables} == {}


async def test_the_queue_is_read_from_its_head_and_never_sorted(taken: Taken) -> None:
    for plan in taken.plans:
        if plan.statement in ("turns.CLAIM_QUEUED", "turns.CLAIM_EXPIRED"):
            assert not BY_DUE_TIME.search(plan.text), plan.text
            assert "ix_turns_queue" in plan.text or "ix_turns_leases" in plan.text, plan.text


async def test_a_backlog_that_the_statistics_do_not_know_is_not_compared_each_with_each(
    database_url: str,
) -> None:
    """In a long history PostgreSQL counts anew too seldom to see that a platform is away."""
    claim = [one for one in STATEMENTS if one.name == "deliveries.CLAIM"]
    with psycopg.connect(database_url, autocommit=True) as connection:
        filled = fill(connection, MESSAGES, IN_A_CONVERSATION)
        connection.execute("UPDATE deliveries SET state = 'done'")
        connection.execute("VACUUM (ANALYZE) deliveries")
        connection.execute(BACKLOG)
        for plan in plans(connection, filled, claim):
            assert not EACH_WITH_EACH.search(plan.text), plan.text


def is_rare(name: str) -> bool:
    return name in RARE or name.partition(".")[0] in RARE


def test_every_statement_of_the_service_is_looked_at() -> None:
    looked_at = {one.sql for one in STATEMENTS}
    missing = {name for name, sql in constants().items() if sql not in looked_at}
    assert {name for name in missing if not is_rare(name)} == set()


@pytest.mark.parametrize("name", RARE)
def test_what_is_left_out_exists(name: str) -> None:
    assert any(one == name or one.startswith(f"{name}.") for one in constants())
