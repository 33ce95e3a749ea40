"""Search and the reader on a house, and who looks."""

from __future__ import annotations

from assistant.insight.content_access import ContentAccess
from assistant.insight.reader import Reader
from assistant.insight.reading import Reading
from assistant.insight.search import Found, Search, Wanted
from assistant.orders.export import Export
from assistant.settings import AssistantSettings
from assistant.storage.audit import Actor, AuditLog
from assistant.storage.search_entries import SearchEntries
from tests.support.house import House

ADMIN = Actor("admin", 1, "root", "127.0.0.1")


def reading_of(home: House, settings: AssistantSettings | None = None) -> Reading:
    access = ContentAccess(settings or home.settings)
    database = home.database
    return Reading(
        search=Search(database, access),
        reader=Reader(database, access),
        export=Export(database),
        audit=AuditLog(database),
    )


async def enter(home: House) -> int:
    """All that is over can be found then."""
    return await SearchEntries(home.database).enter_all()


async def found(home: House, text: str = "", **how: object) -> list[int]:
    """The turns that are found, the latest first."""
    await enter(home)
    result = await looked_for(home, text, **how)
    return [hit.turn_id for hit in result.hits]


async def looked_for(home: House, text: str = "", **how: object) -> Found:
    return await reading_of(home).find(Wanted(text, **how), ADMIN)  # type: ignore[arg-type]


async def words_known(home: House) -> dict[str, int]:
    """Word → entries, as the database counts them."""
    rows = await home.database.rows("SELECT word, entries FROM search_words")
    return {row.word: row.entries for row in rows}


async def words_there(home: House) -> dict[str, int]:
    """The same, counted anew from the entries themselves."""
    rows = await home.database.rows(
        "SELECT word, count(*) AS entries FROM search_entries,"
        " unnest(tsvector_to_array(words)) AS word"
        " WHERE length(word) BETWEEN 3 AND 40 AND word !~ '[0-9]' GROUP BY word"
    )
    return {row.word: row.entries for row in rows}


async def noted(home: House, action: str) -> list[tuple[str, str, object]]:
    """Who did so, on what, and what was said of it."""
    rows = await home.database.rows(
        "SELECT actor_name, target, after FROM audit_log WHERE action = %(action)s ORDER BY id",
        {"action": action},
    )
    return [(row.actor_name, row.target, row.after) for row in rows]
