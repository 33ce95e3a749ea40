"""What an admin sees of personas: what people think of each version, and where each answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assistant.storage.database import Database

MOST_PLACES = 100

# Feedback has the turn's persona beside it, so that no turn is read for this.
THUMBS = """
SELECT persona, persona_version AS version, count(*) FILTER (WHERE value = 1) AS up,
    count(*) FILTER (WHERE value = -1) AS down
FROM feedback WHERE persona IS NOT NULL GROUP BY persona, persona_version
"""
THUMBS_OF = """
SELECT persona_version AS version, count(*) FILTER (WHERE value = 1) AS up,
    count(*) FILTER (WHERE value = -1) AS down
FROM feedback WHERE persona = %(name)s GROUP BY persona_version
"""
CHOSEN = """
SELECT persona, count(*) AS places FROM conversations WHERE persona <> '' GROUP BY persona
"""
PLACES = """
SELECT account_id, channel, accounts.name AS account, chat_id, thread_id, kind
FROM conversations JOIN accounts ON accounts.id = account_id
WHERE conversations.persona = %(name)s AND conversations.persona <> ''
ORDER BY conversations.id DESC LIMIT %(limit)s
"""
ACCOUNTS = """
SELECT id, channel, name, persona FROM accounts
WHERE channel <> 'admin' AND (%(programs)s OR channel <> 'api')
ORDER BY channel, name
"""


@dataclass(frozen=True, slots=True)
class Thumbs:
    up: int = 0
    down: int = 0

    @property
    def share(self) -> float | None:
        """Of 👍 among all; None where nobody gave one."""
        given = self.up + self.down
        return self.up / given if given else None

    def __add__(self, other: Thumbs) -> Thumbs:
        return Thumbs(self.up + other.up, self.down + other.down)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a persona was chosen; `thread_id` is "*" of a chat as a whole."""

    account_id: int
    channel: str
    account: str
    chat_id: str
    thread_id: str
    kind: str


@dataclass(frozen=True, slots=True)
class AccountPersona:
    """`persona` is empty where the default answers."""

    id: int
    channel: str
    name: str
    persona: str


@dataclass(frozen=True, slots=True)
class PersonaFigures:
    database: Database

    async def thumbs(self) -> Mapping[str, Thumbs]:
        """By persona, of all of its versions together."""
        found: dict[str, Thumbs] = defaultdict(Thumbs)
        for row in await self.database.rows(THUMBS):
            found[row.persona] += Thumbs(row.up, row.down)
        return found

    async def thumbs_of(self, name: str) -> Mapping[int, Thumbs]:
        """By the number of the version; one that nobody judged is not there."""
        rows = await self.database.rows(THUMBS_OF, {"name": name})
        return {row.version: Thumbs(row.up, row.down) for row in rows}

    async def chosen(self) -> Mapping[str, int]:
        """In how many conversations, and chats as a whole, each was chosen."""
        return {row.persona: row.places for row in await self.database.rows(CHOSEN)}

    async def places(self, name: str) -> Sequence[Place]:
        """The newest MOST_PLACES of them."""
        values = {"name": name, "limit": MOST_PLACES}
        return [Place(*row) for row in await self.database.rows(PLACES, values)]

    async def accounts(self, *, programs: bool = False) -> Sequence[AccountPersona]:
        """Those that people write to, and with `programs` that of the API."""
        rows = await self.database.rows(ACCOUNTS, {"programs": programs})
        return [AccountPersona(*row) for row in rows]
