"""Canned answers and blocked topics as they stand in Postgres, and what admins do with them.

Each worker keeps them in a book (`canned.py`) that is at most LOOK_SECONDS old: no question waits
for a look into Postgres.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

import psycopg
import structlog

from assistant.answering.canned import LEAST_BEGINNING, STAR, Book, Canned, is_open, words_of
from assistant.errors import ChangeRefused, StorageUnavailable
from assistant.messages import clean
from assistant.storage.audit import Actor, note
from assistant.storage.database import Connection, Database, row, rows

log = structlog.get_logger()

LOOK_SECONDS = 2.0
MOST = 1_000  # of all
MOST_PHRASES = 200  # of one
LONGEST_TITLE = 100  # characters
LONGEST_PHRASE = 200
LONGEST_ANSWER = 8_000

ENABLED = """
SELECT id, phrases, whole, blocks, answer, account_id FROM canned_answers WHERE enabled ORDER BY id
"""
_COLUMNS = """canned_answers.id, title, phrases, whole, blocks, answer, account_id, enabled, used,
    used_at, changed_at, coalesce(channel, '') AS channel, coalesce(accounts.name, '') AS account"""
LISTED = f"""
SELECT {_COLUMNS} FROM canned_answers LEFT JOIN accounts ON accounts.id = account_id
ORDER BY blocks DESC, canned_answers.id
"""
ONE = f"""
SELECT {_COLUMNS} FROM canned_answers LEFT JOIN accounts ON accounts.id = account_id
WHERE canned_answers.id = %(id)s FOR UPDATE OF canned_answers
"""
ADD = """
INSERT INTO canned_answers (title, phrases, whole, blocks, answer, account_id, enabled)
SELECT %(title)s, %(phrases)s::text[], %(whole)s, %(blocks)s, %(answer)s,
    CAST(%(account_id)s AS bigint), %(enabled)s
WHERE (SELECT count(*) FROM canned_answers) < %(most)s RETURNING id
"""
CHANGE = """
UPDATE canned_answers SET title = %(title)s, phrases = %(phrases)s::text[], whole = %(whole)s,
    blocks = %(blocks)s, answer = %(answer)s, account_id = CAST(%(account_id)s AS bigint),
    enabled = %(enabled)s, changed_at = now()
WHERE id = %(id)s
"""
REMOVE = "DELETE FROM canned_answers WHERE id = %(id)s"
USED = "UPDATE canned_answers SET used = used + 1, used_at = now() WHERE id = %(id)s"


@dataclass(frozen=True, slots=True)
class CannedDraft:
    """As an admin wants it to stand. `account_id` None: wherever people write."""

    title: str
    phrases: tuple[str, ...]
    answer: str = ""
    whole: bool = False
    blocks: bool = False
    account_id: int | None = None
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class CannedAnswer:
    """As it stands. `channel` and `account` are empty where it holds wherever people write."""

    id: int
    title: str
    phrases: tuple[str, ...]
    whole: bool
    blocks: bool
    answer: str
    account_id: int | None
    enabled: bool
    used: int
    used_at: datetime | None
    changed_at: datetime
    channel: str
    account: str


@dataclass(slots=True)
class CannedAnswers:
    database: Database
    _book: Book = field(default_factory=Book, init=False)
    _known: Sequence[Canned] = field(default=(), init=False)

    async def run(self) -> None:
        """Keep the book true until cancelled."""
        while True:
            try:
                await self.refresh()
            except StorageUnavailable:
                log.debug("canned_answers_not_looked_at")
            await asyncio.sleep(LOOK_SECONDS)

    async def refresh(self) -> None:
        """Raises StorageUnavailable; what was known stays."""
        found = [
            Canned(one.id, tuple(one.phrases), one.whole, one.blocks, one.answer, one.account_id)
            for one in await self.database.rows(ENABLED)
        ]
        if found != self._known:
            self._book, self._known = Book(found), found

    def find(self, texts: Iterable[str], account_id: int, *, people: bool) -> Canned | None:
        """As `Book.find`; costs nothing where none stands."""
        return self._book.find(texts, account_id, people=people) if self._known else None

    async def used(self, canned: Canned) -> None:
        await self.database.rows(USED, {"id": canned.id})

    async def listed(self) -> Sequence[CannedAnswer]:
        """Those that block first."""
        return [_read(one) for one in await self.database.rows(LISTED)]

    async def one(self, canned_id: int) -> CannedAnswer:
        """Raises ChangeRefused where there is none."""
        async with self.database.transaction() as connection:
            return await _held(connection, canned_id)

    async def add(self, draft: CannedDraft, actor: Actor) -> int:
        """Its id. Raises ChangeRefused."""
        values = _checked(draft)
        async with self.database.transaction() as connection:
            made = await _written(connection, ADD, {**values, "most": MOST})
            if made is None:
                raise ChangeRefused(
                    "canned_full",
                    f"There are {MOST:,} canned answers, and no more are kept: remove one first.",
                    {"most": str(MOST)},
                )
            await note(connection, actor, "canned.added", f"canned:{made.id}", None, values)
        await self.refresh()
        return int(made.id)

    async def change(self, canned_id: int, draft: CannedDraft, actor: Actor) -> None:
        """Raises ChangeRefused."""
        values = _checked(draft)
        async with self.database.transaction() as connection:
            before = _values(await _held(connection, canned_id))
            await _written(connection, CHANGE, {**values, "id": canned_id})
            target = f"canned:{canned_id}"
            await note(connection, actor, "canned.changed", target, before, values)
        await self.refresh()

    async def remove(self, canned_id: int, actor: Actor) -> None:
        """Raises ChangeRefused where there is none."""
        async with self.database.transaction() as connection:
            before = _values(await _held(connection, canned_id))
            await rows(connection, REMOVE, {"id": canned_id})
            await note(connection, actor, "canned.removed", f"canned:{canned_id}", before, None)
        await self.refresh()


async def _held(connection: Connection, canned_id: int) -> CannedAnswer:
    found = await row(connection, ONE, {"id": canned_id})
    if found is None:
        raise ChangeRefused("canned_gone", "This canned answer isn't there any more.")
    return _read(found)


async def _written(connection: Connection, statement: str, values: Mapping[str, object]) -> Any:
    try:
        return await row(connection, statement, values)
    except psycopg.errors.ForeignKeyViolation:
        raise ChangeRefused(
            "account_gone", "This account isn't there any more: choose another."
        ) from None


def _read(found: Any) -> CannedAnswer:
    values = {one.name: getattr(found, one.name) for one in fields(CannedAnswer)}
    return CannedAnswer(**{**values, "phrases": tuple(found.phrases)})


def _values(found: CannedDraft | CannedAnswer) -> Mapping[str, object]:
    """What an admin decides of it, as statements and the audit log have it."""
    values = {one.name: getattr(found, one.name) for one in fields(CannedDraft)}
    return {**values, "phrases": list(found.phrases)}


def _checked(draft: CannedDraft) -> Mapping[str, object]:
    """Its values, clean. Raises ChangeRefused with the first fault."""
    title, answer = clean(draft.title).strip(), clean(draft.answer).strip()
    phrases = tuple(dict.fromkeys(filter(None, (clean(one).strip() for one in draft.phrases))))
    if not title or len(title) > LONGEST_TITLE:
        raise ChangeRefused(
            "canned_title",
            f"Give it a name of at most {LONGEST_TITLE} characters.",
            {"most": str(LONGEST_TITLE)},
        )
    if not phrases or len(phrases) > MOST_PHRASES:
        raise ChangeRefused(
            "canned_phrases",
            f"Write 1 to {MOST_PHRASES} phrases, each on a line of its own.",
            {"most": str(MOST_PHRASES)},
        )
    for phrase in phrases:
        _check_phrase(phrase)
    if len(answer) > LONGEST_ANSWER or not (answer or draft.blocks):
        raise ChangeRefused(
            "canned_answer",
            f"Write the answer, in at most {LONGEST_ANSWER:,} characters.",
            {"most": str(LONGEST_ANSWER)},
        )
    return _values(replace(draft, title=title, phrases=phrases, answer=answer))


def _check_phrase(phrase: str) -> None:
    words = words_of(phrase)
    short = is_open(phrase) and words and len(words[-1]) < LEAST_BEGINNING
    inside = STAR in phrase.rstrip()[:-1]
    if not words or short or inside or len(phrase) > LONGEST_PHRASE:
        raise ChangeRefused(
            "canned_phrase",
            f"“{phrase[:LONGEST_PHRASE]}” is no phrase: write words, at most {LONGEST_PHRASE} "
            f"characters; a star stands only at the end, with at least {LEAST_BEGINNING} letters "
            "before it.",
            {
                "phrase": phrase[:LONGEST_PHRASE],
                "most": str(LONGEST_PHRASE),
                "least": str(LEAST_BEGINNING),
            },
        )
