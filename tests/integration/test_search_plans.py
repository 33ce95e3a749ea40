"""Search and the reader read no long table from one end to the other, at whatever page."""

from __future__ import annotations

import re
from collections.abc import Sequence

import psycopg
import pytest_asyncio

from tests.support.filling import fill
from tests.support.hot_path import HotStatement
from tests.support.plans import IN_A_CONVERSATION, MESSAGES, Plan, plans
from tests.support.search_statements import PAGES

# Those that grow with each message. Of the others a page reads what it shows.
LONG = frozenset({"messages", "turns", "turn_messages", "search_entries", "deliveries", "feedback"})
READ_WHOLE = re.compile(r"Seq Scan on (\w+)")
INDEX = re.compile(r"Index (?:Only )?Scan (?:Backward )?using (\w+) on (\w+)")
# Walked through in the order of a page, and left when that is full.
IN_ORDER = ("ix_search_entries_at_turn_id", "ix_search_entries_failed")


@pytest_asyncio.fixture
async def taken(database_url: str) -> Sequence[Plan]:
    statements = [HotStatement(name, one, values) for name, one, values in PAGES]
    with psycopg.connect(database_url, autocommit=True) as connection:
        filled = fill(connection, MESSAGES, IN_A_CONVERSATION)
        return plans(connection, filled, statements)


async def test_no_long_table_is_read_from_end_to_end(taken: Sequence[Plan]) -> None:
    read = {(plan.statement, plan.mode): read_whole(plan) for plan in taken}
    assert {name: tables for name, tables in read.items() if tables} == {}


def read_whole(plan: Plan) -> set[str]:
    whole = set(READ_WHOLE.findall(plan.text))
    lines = plan.text.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        found = INDEX.search(line)
        if found and found[1] not in IN_ORDER and "Index Cond" not in following:
            whole.add(found[2])
    return whole & LONG


async def test_what_is_walked_through_in_order_ends_with_the_page(taken: Sequence[Plan]) -> None:
    for plan in taken:
        for index in IN_ORDER:
            before, walked, _ = plan.text.partition(f"Backward using {index}")
            assert not walked or ("Limit" in before and "Sort" not in before), plan.text


async def test_words_are_found_by_their_index(taken: Sequence[Plan]) -> None:
    by_words = [plan for plan in taken if plan.statement == "search.among_all"]
    assert by_words
    for plan in by_words:
        assert "ix_search_entries_words" in plan.text, plan.text
    for plan in taken:
        if plan.statement == "spelling.LIKE":
            assert "ix_search_words_spelling" in plan.text, plan.text
