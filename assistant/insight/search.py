"""Search over all conversations: exchanges that are over, the latest first.

The latest few thousand that fit the filters are looked through first, which is enough for words
that are said often; only for rarer ones is the index of all words asked. Where too few have the
words as they were typed, words that are spelt much like them count too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from assistant.errors import ContentClosed
from assistant.insight.content_access import CONSENTED_EACH, ContentAccess
from assistant.insight.search_query import SearchQuery, query_of
from assistant.insight.snippets import Piece, snippet
from assistant.insight.spelling import Spelling
from assistant.storage.database import Database, rows

PAGE = 25
RECENT = 4_000  # entries that are looked through before the index is asked
FEW = 10  # with fewer the words may have been misspelt
MOST_PEOPLE = 100  # of one name
TEXT_CHARACTERS = 50_000
CLOSED = (
    "The settings let admins read no text (content_access is 'metadata'): search by person, "
    "channel, time or state instead."
)

ACCOUNTS = "SELECT id, channel, name FROM accounts WHERE channel <> 'admin' ORDER BY channel, name"
NAMED = "SELECT id FROM persons WHERE name ILIKE %(pattern)s ORDER BY id LIMIT %(most)s"
NAMED_NEARLY = """
SELECT id FROM persons WHERE name %%> %(name)s
ORDER BY word_similarity(%(name)s, name) DESC, id LIMIT %(most)s
"""
# For the transaction: what PostgreSQL asks for by itself forgives a name no more than a letter.
FORGIVING = "SELECT set_config('pg_trgm.word_similarity_threshold', '0.4', true)"
_ORDER = "ORDER BY at DESC, turn_id DESC"
# Each where a value was given.
_CONDITIONS: Mapping[str, str] = {
    "people": "person_id = ANY(%(people)s)",
    "conversation": "conversation_id = %(conversation)s",
    "accounts": "account_id = ANY(%(accounts)s)",
    "persona": "persona = %(persona)s",
    "failed": "failed",
    "thumb": "turn_id IN (SELECT turn_id FROM feedback WHERE value = %(thumb)s)",
    "since": "at >= %(since)s",
    "until": "at < %(until)s",
    "before_at": "(at, turn_id) < (%(before_at)s, %(before_turn)s)",
}
_SHOWN = """
SELECT turns.id, coalesce(place, turns.id) AS place, turns.conversation_id, channel,
    accounts.name AS account, kind, turns.person_id, coalesce(persons.name, '') AS person,
    search_entries.persona, turns.created_at, state, {readable} AS readable,
    CASE WHEN %(texts)s AND {readable} THEN left(reply, %(characters)s) ELSE '' END AS reply,
    CASE WHEN %(texts)s AND {readable} THEN (
        SELECT coalesce(string_agg(left(text, %(characters)s), E'\\n' ORDER BY messages.id), '')
        FROM turn_messages JOIN messages ON messages.id = message_id
        WHERE turn_id = turns.id AND deleted_at IS NULL) ELSE '' END AS asked,
    (SELECT count(*) FROM feedback WHERE turn_id = turns.id AND value = 1) AS up,
    (SELECT count(*) FROM feedback WHERE turn_id = turns.id AND value = -1) AS down
FROM turns JOIN search_entries ON search_entries.turn_id = turns.id
JOIN conversations ON conversations.id = turns.conversation_id
JOIN accounts ON accounts.id = conversations.account_id
LEFT JOIN persons ON persons.id = turns.person_id
WHERE turns.id = ANY(%(turns)s) ORDER BY search_entries.at DESC, turns.id DESC
"""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Behind this exchange the next page begins; `similar` where words like those count."""

    at: datetime
    turn_id: int
    similar: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; None, or empty, where all will do. `person` is a name, or an id."""

    text: str = ""
    person: str = ""
    conversation: int | None = None
    accounts: Sequence[int] | None = None
    persona: str | None = None
    failed: bool = False
    thumb: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """An account, as somebody chooses where to look."""

    id: int
    channel: str
    name: str


@dataclass(frozen=True, slots=True)
class Hit:
    """An exchange. `asked` and `reply` are snippets: empty where no words were looked for, since
    then nothing is read, and where the text may not be (`readable`)."""

    turn_id: int
    place: int
    conversation_id: int
    channel: str
    account: str
    kind: str
    person_id: int | None
    person: str
    persona: str
    at: datetime
    state: str
    readable: bool
    asked: Sequence[Piece]
    reply: Sequence[Piece]
    up: int
    down: int


@dataclass(frozen=True, slots=True)
class Found:
    """`similar`: which words count beside those that were typed."""

    hits: Sequence[Hit]
    following: Cursor | None
    similar: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Search:
    database: Database
    access: ContentAccess

    async def find(self, wanted: Wanted) -> Found:
        """Raises SearchRefused, ContentClosed, StorageUnavailable."""
        query = query_of(wanted.text)
        if query is not None and self.access.closed:
            raise ContentClosed(CLOSED)
        values = await self._values(wanted)
        if query is None:
            return await self._page(await self.database.rows(latest(values), values), None, {})
        similar: Mapping[str, Sequence[str]] = {}
        found: Sequence[Any] = []
        if wanted.before is None or not wanted.before.similar:
            found = await self._with_words(values, query.tsquery())
        if len(found) < FEW and (wanted.before is None or wanted.before.similar):
            similar = await self._similar(query)
            if similar:
                found = await self._with_words(values, query.tsquery(similar))
        return await self._page(found, query, similar)

    async def places(self) -> Sequence[Place]:
        """All accounts that somebody may have written to."""
        return [Place(*row) for row in await self.database.rows(ACCOUNTS)]

    async def people(self, name: str) -> Sequence[int]:
        """Who goes by this name, or nearly where nobody does; or by this id."""
        if name.isdecimal() and len(name) < 19:
            return [int(name)]
        name = name.replace("\x00", "")
        escaped = name.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        values = {"name": name, "pattern": f"%{escaped}%", "most": MOST_PEOPLE}
        async with self.database.transaction() as connection:
            found = await rows(connection, NAMED, values)
            if not found:
                await rows(connection, FORGIVING)
                found = await rows(connection, NAMED_NEARLY, values)
            return [row.id for row in found]

    async def _values(self, wanted: Wanted) -> dict[str, object]:
        """Of each condition that holds."""
        values: dict[str, object] = {"limit": PAGE + 1, "recent": RECENT}
        given = {
            "people": await self.people(wanted.person) if wanted.person else None,
            "conversation": wanted.conversation,
            "accounts": None if wanted.accounts is None else list(wanted.accounts),
            "persona": wanted.persona,
            "failed": wanted.failed or None,
            "thumb": wanted.thumb,
            "since": wanted.since,
            "until": wanted.until,
        }
        values |= {name: value for name, value in given.items() if value is not None}
        if wanted.before is not None:
            values |= {"before_at": wanted.before.at, "before_turn": wanted.before.turn_id}
        return values

    async def _similar(self, query: SearchQuery) -> Mapping[str, Sequence[str]]:
        found = await Spelling(self.database).variants(query.single_words)
        if self.access.rule == "consent":  # a word alone would tell what nobody let be read
            words = sorted({word for near in found.values() for word in near})
            asked = said(self.access.readable("entry", few=False))
            seen = {row.word for row in await self.database.rows(asked, {"words": words})}
            found = {typed: [w for w in near if w in seen] for typed, near in found.items()}
        return {typed: near for typed, near in found.items() if near}

    async def _with_words(self, values: Mapping[str, object], query: str) -> Sequence[Any]:
        asked = {**values, "query": query}
        readable = self.access.readable("entry", few=False)
        by_consent = self.access.rule == "consent"
        latest_first = among_latest_consented(values) if by_consent else among_latest(values)
        found = await self.database.rows(latest_first, asked)
        if len(found) > PAGE:
            return found
        return await self.database.rows(among_all(values, readable), asked)

    async def _page(
        self, found: Sequence[Any], query: SearchQuery | None, similar: Mapping[str, Sequence[str]]
    ) -> Found:
        page = found[:PAGE]
        values = {
            "turns": [row.turn_id for row in page],
            "texts": query is not None,
            "characters": TEXT_CHARACTERS,
        }
        shown = await self.database.rows(details(self.access.readable("turns")), values)
        near = {word for words in similar.values() for word in words}

        def finds(word: str) -> bool:
            return query is not None and query.finds(word, near)

        following = None
        if len(found) > PAGE:
            following = Cursor(page[-1].at, page[-1].turn_id, bool(similar))
        hits = [
            Hit(
                turn_id=row.id,
                place=row.place,
                conversation_id=row.conversation_id,
                channel=row.channel,
                account=row.account,
                kind=row.kind,
                person_id=row.person_id,
                person=row.person,
                persona=row.persona,
                at=row.created_at,
                state=row.state,
                readable=row.readable,
                asked=snippet(row.asked, finds),
                reply=snippet(row.reply, finds),
                up=row.up,
                down=row.down,
            )
            for row in shown
        ]
        return Found(hits, following, similar)


def latest(given: Mapping[str, object]) -> str:
    """Without words. `given` are the values of the conditions that hold."""
    return f"""
    SELECT turn_id, at FROM search_entries AS entry WHERE {_conditions(given)}
    {_ORDER} LIMIT %(limit)s
    """


def among_latest(given: Mapping[str, object]) -> str:
    return f"""
    SELECT turn_id, at FROM (
        SELECT turn_id, at, words FROM search_entries AS entry
        WHERE {_conditions(given)} {_ORDER} LIMIT %(recent)s) AS latest
    WHERE words @@ CAST(%(query)s AS tsquery) {_ORDER} LIMIT %(limit)s
    """


def among_latest_consented(given: Mapping[str, object]) -> str:
    """Keys first, which stand in an index: the entries of a few people lie far apart."""
    return f"""
    SELECT latest.turn_id, latest.at FROM (
        SELECT turn_id, at FROM search_entries AS entry
        WHERE {_conditions(given)}
            AND person_id IN (SELECT id FROM persons WHERE consented_at IS NOT NULL)
        {_ORDER} LIMIT %(recent)s) AS latest
    JOIN search_entries AS entry ON entry.turn_id = latest.turn_id
    WHERE words @@ CAST(%(query)s AS tsquery) AND {CONSENTED_EACH.format(table="entry")}
    ORDER BY latest.at DESC, latest.turn_id DESC LIMIT %(limit)s
    """


def among_all(given: Mapping[str, object], readable: str = "true") -> str:
    """Found first and sorted then: in their order, a rare word is looked for to the very end."""
    return f"""
    WITH found AS MATERIALIZED (
        SELECT turn_id, at FROM search_entries AS entry
        WHERE words @@ CAST(%(query)s AS tsquery) AND {_conditions(given)} AND {readable})
    SELECT turn_id, at FROM found {_ORDER} LIMIT %(limit)s
    """


def said(readable: str) -> str:
    """Of these words (letters and digits alone) those that stand in an entry that may be read."""
    return f"""
    SELECT word FROM unnest(CAST(%(words)s AS text[])) AS given (word)
    WHERE EXISTS (SELECT FROM search_entries AS entry
        WHERE words @@ CAST(quote_literal(word) AS tsquery) AND {readable})
    """


def details(readable: str) -> str:
    return _SHOWN.format(readable=readable)


def _conditions(given: Mapping[str, object]) -> str:
    held = [condition for name, condition in _CONDITIONS.items() if name in given]
    return " AND ".join(held) or "true"
