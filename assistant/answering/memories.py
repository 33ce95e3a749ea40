"""What a person told the assistant to remember. It is used in their private chats alone.

A memory keeps its number as long as it stands, so an order that comes twice forgets no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.messages import clean
from assistant.storage.database import Database, row, rows

LONGEST = 500  # characters of one
MOST = 50  # of one person

# Before all else: two orders of one person must not give one number.
HOLD = "SELECT FROM persons WHERE id = %(person)s FOR NO KEY UPDATE"
LIST = "SELECT number, text FROM memories WHERE person_id = %(person)s ORDER BY number"
KNOWN = "SELECT number FROM memories WHERE person_id = %(person)s AND text = %(text)s"
ADD = """
INSERT INTO memories (person_id, number, text)
SELECT %(person)s, coalesce(max(number), 0) + 1, %(text)s FROM memories
WHERE person_id = %(person)s HAVING count(*) < %(most)s
RETURNING number
"""
FORGET = """
DELETE FROM memories WHERE person_id = %(person)s AND number = %(number)s RETURNING number
"""
FORGET_ALL = "DELETE FROM memories WHERE person_id = %(person)s RETURNING number"


@dataclass(frozen=True, slots=True)
class Memory:
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Memories:
    database: Database

    async def of(self, person_id: int) -> Sequence[Memory]:
        found = await self.database.rows(LIST, {"person": person_id})
        return [Memory(one.number, one.text) for one in found]

    async def add(self, person_id: int, text: str) -> int | None:
        """Its number, the former one for what is known already; None when there are MOST."""
        values = {"person": person_id, "text": clean(text), "most": MOST}
        async with self.database.transaction() as connection:
            await rows(connection, HOLD, values)
            added = await row(connection, KNOWN, values) or await row(connection, ADD, values)
        return None if added is None else int(added.number)

    async def forget(self, person_id: int, number: int) -> bool:
        values = {"person": person_id, "number": number}
        return bool(await self.database.rows(FORGET, values))

    async def forget_all(self, person_id: int) -> int:
        """How many there were."""
        return len(await self.database.rows(FORGET_ALL, {"person": person_id}))
