"""What can be found by its words: an entry for each turn that is over, and each word with how many
entries have it, by which a word that was misspelt is known.

Entries are made behind the turns, by whoever holds the lease LEASE, so that nobody who writes or
is answered waits for them. They fall with their turn; who takes a turn's text away forgets its
entry in the same transaction (`forget`), and no word outlives the last text that had it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
import structlog

from assistant.errors import StorageUnavailable
from assistant.search_text import Entry, entry_of, spelling
from assistant.storage.database import Connection, Database, rows

log = structlog.get_logger()

LEASE = "search"
BATCH = 200  # turns: a fraction of a second
PAUSE_SECONDS = 0.05  # between batches of a history that is entered for the first time
LOOK_SECONDS = 1.0
SHORTEST, LONGEST = 3, 40  # characters of a word whose spelling is learned
TEXT_CHARACTERS = 50_000  # of each message, reply and file

# A turn that ended a moment before another may be committed after it.
UNTIL = "SELECT entered_until - interval '30 s' AS since FROM search_progress"
# One after the other, as they ended: each is asked about by itself, so that of a long history no
# more is read than is entered.
DUE = f"""
SELECT id, finished_at FROM turns
WHERE finished_at >= ({UNTIL})
    AND superseded_by IS NULL AND error_code <> 'deleted' AND state NOT IN ('queued', 'running')
    AND (SELECT turn_id FROM search_entries WHERE turn_id = turns.id) IS NULL
    AND (SELECT channel FROM conversations JOIN accounts ON accounts.id = account_id
        WHERE conversations.id = turns.conversation_id) <> 'admin'
ORDER BY finished_at LIMIT %(limit)s
"""
# Held until the entries stand, so that nobody takes the text away meanwhile.
TEXTS = """
SELECT id, reply, ARRAY(
    SELECT left(text, %(characters)s) FROM turn_messages JOIN messages ON messages.id = message_id
    WHERE turn_id = turns.id AND deleted_at IS NULL ORDER BY messages.id) AS asked, ARRAY(
    SELECT name || ' ' || left(coalesce(text, ''), %(characters)s)
    FROM turn_messages JOIN attachments USING (message_id)
    WHERE turn_id = turns.id ORDER BY attachments.id) AS files
FROM turns WHERE id = ANY(%(turns)s) AND superseded_by IS NULL AND error_code <> 'deleted'
    AND state NOT IN ('queued', 'running')
FOR SHARE SKIP LOCKED
"""
ENTER = """
INSERT INTO search_entries
    (turn_id, conversation_id, account_id, person_id, persona, failed, at, words)
SELECT turns.id, conversation_id, account_id, person_id,
    coalesce(turns.persona, conversations.persona), state = 'failed',
    turns.created_at, CAST(given.words AS tsvector)
FROM unnest(CAST(%(turns)s AS bigint[]), CAST(%(vectors)s AS text[])) AS given (turn, words)
JOIN turns ON turns.id = given.turn JOIN conversations ON conversations.id = conversation_id
ON CONFLICT (turn_id) DO NOTHING RETURNING turn_id
"""
# In the order in which `FORGET` holds them.
LEARN = """
INSERT INTO search_words (word, spelling, entries)
SELECT word, spelling, entries FROM unnest(CAST(%(words)s AS text[]),
    CAST(%(spellings)s AS text[]), CAST(%(entries)s AS bigint[])) AS given (word, spelling, entries)
ORDER BY word
ON CONFLICT (word) DO UPDATE SET entries = search_words.entries + excluded.entries
"""
GO_ON = """
UPDATE search_progress SET entered_until = greatest(entered_until, %(until)s)
"""
FORGET = """
WITH gone AS (
    DELETE FROM search_entries WHERE turn_id = ANY(%(turns)s) RETURNING words
), told AS (
    SELECT word, count(*) AS entries FROM gone, unnest(tsvector_to_array(words)) AS word
    GROUP BY word
), held AS MATERIALIZED (
    SELECT word, search_words.entries, told.entries AS fewer
    FROM search_words JOIN told USING (word) ORDER BY word FOR UPDATE OF search_words
), unlearned AS (
    DELETE FROM search_words USING held
    WHERE search_words.word = held.word AND held.entries <= fewer
)
UPDATE search_words SET entries = search_words.entries - fewer FROM held
WHERE search_words.word = held.word AND held.entries > fewer
"""


@dataclass(frozen=True, slots=True)
class SearchEntries:
    """`run` belongs to whoever holds the lease LEASE."""

    database: Database
    batch: int = BATCH

    async def run(self) -> None:
        """Enter until cancelled. What is too much in the time that there is comes in smaller
        batches, which grow again slowly."""
        most = self.batch
        while True:
            try:
                full = await self.enter_batch(most) >= most
            except (StorageUnavailable, psycopg.errors.IntegrityError):
                full = False  # or one of them was erased in this moment
                most = max(1, most // 2)
            else:
                most = min(self.batch, most + 1 + most // 10)
            await asyncio.sleep(PAUSE_SECONDS if full else LOOK_SECONDS)

    async def enter_all(self) -> int:
        """Enter all that is over by now; how many turns it was."""
        entered = 0
        while batch := await self.enter_batch(self.batch):
            entered += batch
        return entered

    async def enter_batch(self, most: int) -> int:
        """Enter those that ended first of what isn't entered yet; how many it was.

        Raises StorageUnavailable, and IntegrityError: nothing was entered.
        """
        due = await self.database.rows(DUE, {"limit": most})
        if not due:
            return 0
        async with self.database.transaction() as connection:
            entered = await enter(connection, [row.id for row in due])
            await rows(connection, GO_ON, {"until": _until(due, entered)})
        return len(entered)


async def enter(connection: Connection, turns: Sequence[int]) -> frozenset[int]:
    """Enter those of these turns that are over; which ones it was."""
    if not turns:
        return frozenset()
    values = {"turns": list(turns), "characters": TEXT_CHARACTERS}
    found = await rows(connection, TEXTS, values)
    entries = await asyncio.to_thread(_entries, found)
    made = await rows(
        connection,
        ENTER,
        {"turns": list(entries), "vectors": [one.vector for one in entries.values()]},
    )
    entered = frozenset(row.turn_id for row in made)
    learned = Counter(word for turn in entered for word in entries[turn].words if _is_learned(word))
    await rows(connection, LEARN, _learned(learned))
    return entered


async def forget(connection: Connection, turns: Sequence[int]) -> None:
    """Before, or together with, the turns' text: nothing of it is found any more."""
    if turns:
        await rows(connection, FORGET, {"turns": list(turns)})


def _entries(found: Sequence[Any]) -> Mapping[int, Entry]:
    return {
        row.id: entry_of([*row.asked, row.reply[:TEXT_CHARACTERS], *row.files]) for row in found
    }


def _is_learned(word: str) -> bool:
    return SHORTEST <= len(word) <= LONGEST and not any(one.isdigit() for one in word)


def _learned(entries: Mapping[str, int]) -> dict[str, object]:
    return {
        "words": list(entries),
        "spellings": [spelling(word) for word in entries],
        "entries": list(entries.values()),
    }


def _until(due: Sequence[Any], entered: frozenset[int]) -> datetime:
    """Not past one that somebody held just now: it is looked at again."""
    left: list[datetime] = [row.finished_at for row in due if row.id not in entered]
    return min(left) if left else max(row.finished_at for row in due)
