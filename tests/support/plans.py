"""How PostgreSQL carries out the statements of the hot path, as it says itself.

python -m tests.support.plans            # print them, on an embedded server
python -m tests.support.plans --write    # into docs/plans.md
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import Connection

from assistant.storage import schema
from assistant.storage.embedded import embedded_postgres
from tests.support.filling import Filled, fill
from tests.support.hot_path import STATEMENTS, HotStatement

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "plans.md"
MESSAGES = 50_000
IN_A_CONVERSATION = 25  # so that there are many conversations too
# A prepared statement is planned for its values five times, and then perhaps once for any.
MODES = ("custom", "generic")

_SEQUENTIAL = re.compile(r"Seq Scan on (\w+)")
_INDEX = re.compile(r"Index (?:Only )?Scan (?:Backward )?using (\w+) on (\w+)")
_COSTS = re.compile(r" *\(cost=[^)]*\)")


@dataclass(frozen=True, slots=True)
class Plan:
    """`text` as EXPLAIN has it, without the costs, which change from run to run."""

    statement: str
    mode: str
    text: str

    def read_whole(self, partial_indexes: Collection[str]) -> frozenset[str]:
        """Tables that are read from one end to the other, also where by a full index.

        A partial index holds the few rows that are at work: it may be walked through.
        """
        lines = self.text.splitlines()
        read = {found[1] for line in lines if (found := _SEQUENTIAL.search(line))}
        for line, following in zip(lines, [*lines[1:], ""], strict=True):
            found = _INDEX.search(line)
            if found and "Index Cond" not in following and found[1] not in partial_indexes:
                read.add(found[2])
        return frozenset(read)


def partial_indexes(connection: Connection[tuple[object, ...]]) -> frozenset[str]:
    rows = connection.execute(
        "SELECT indexrelid::regclass::text FROM pg_index WHERE indpred IS NOT NULL"
    )
    return frozenset(str(name) for (name,) in rows)


def plans(
    connection: Connection[tuple[object, ...]],
    filled: Filled,
    statements: Sequence[HotStatement] = STATEMENTS,
) -> Sequence[Plan]:
    """The plans of statements, taken while each is carried out; nothing of it stays."""
    said: list[str] = []
    connection.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
    connection.execute("LOAD 'auto_explain'")
    connection.execute("SET auto_explain.log_min_duration = 0")
    connection.execute("SET auto_explain.log_level = 'notice'")
    connection.execute("SET jit = off")
    found: list[Plan] = []
    for mode in MODES:
        connection.execute(f"SET plan_cache_mode = 'force_{mode}_plan'".encode())
        for one in statements:
            said.clear()
            _try(connection, one, filled)
            found.append(Plan(one.name, mode, _plan_in(said)))
    return found


def _try(connection: Connection[tuple[object, ...]], one: HotStatement, filled: Filled) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute(one.sql.encode(), one.values_of(filled, 1), prepare=True)


def _plan_in(said: Sequence[str]) -> str:
    """What follows the statement's own text in auto_explain's message."""
    message = next(one for one in said if "plan:" in one)
    lines = message.splitlines()
    begin = next(number for number, line in enumerate(lines) if "(cost=" in line)
    return "\n".join(_COSTS.sub("", line) for line in lines[begin:])


def rendered(found: Sequence[Plan]) -> str:
    """A section for each statement; the generic plan where it is another one."""
    by_mode: Mapping[str, dict[str, str]] = {mode: {} for mode in MODES}
    for plan in found:
        by_mode[plan.mode][plan.statement] = plan.text
    sections = []
    for name, text in by_mode["custom"].items():
        section = f"## {name}\n\n```\n{text}\n```\n"
        if _shape(by_mode["generic"][name]) != _shape(text):
            section += f"\nPlanned for any values:\n\n```\n{by_mode['generic'][name]}\n```\n"
        sections.append(section)
    return "\n".join(sections)


def _shape(text: str) -> Sequence[str]:
    """The steps, without the conditions, in which a value stands or its place."""
    return [line for line in text.splitlines() if not re.search(r"(Cond|Filter|Key): ", line)]


INTRODUCTION = f"""# Plans of the hot path

How PostgreSQL carries out each statement of a message's way, and of a person's orders, on a
database of {MESSAGES:,} messages with turns that run and wait. Taken by `auto_explain` while the
statement was carried out, once planned for its values and once for any; the second is shown where
its steps are others. Written by `python -m tests.support.plans --write`;
`tests/integration/test_plans.py` fails where one of them reads a growing table from end to end.

"""


async def main(write: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="outrider-plans-") as folder:
        async with embedded_postgres(Path(folder)) as url:
            await schema.upgrade(url)
            text = rendered(await asyncio.to_thread(_taken, url))
    print(text)
    if write:
        DOCUMENT.write_text(INTRODUCTION + text)


def _taken(url: str) -> Sequence[Plan]:
    with psycopg.connect(url, autocommit=True) as connection:
        return plans(connection, fill(connection, MESSAGES, IN_A_CONVERSATION))


if __name__ == "__main__":
    asyncio.run(main("--write" in sys.argv[1:]))
