"""A conversation as the people in it saw it: what they wrote, and what stands there as the answer.

An answer that was replaced (its question was edited, or asked again) is kept beside the one that
stands in its place. What Outrider itself said at an answer's end is said here as it was there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any

from assistant.insight.content_access import ContentAccess
from assistant.messages import ChatRef, TurnState
from assistant.outgoing.show import ShownReply
from assistant.storage.database import Database

PAGE = 40  # exchanges
PAGE_CHARACTERS = 24_000  # of long ones a page has fewer
NEWEST = 2**62
SHOWN_CHARACTERS = 2_000  # of a file's text

HEAD = """
SELECT conversations.id, channel, accounts.name AS account, chat_id, thread_id, kind,
    conversations.persona,
    conversations.created_at, last_message_at, latest.person_id,
    coalesce(persons.name, '') AS person
FROM conversations JOIN accounts ON accounts.id = account_id
LEFT JOIN LATERAL (
    SELECT person_id FROM turns WHERE conversation_id = conversations.id
    ORDER BY coalesce(place, id) DESC LIMIT 1) AS latest ON true
LEFT JOIN persons ON persons.id = latest.person_id
WHERE conversations.id = %(conversation)s
"""
_EXCHANGES = """
SELECT turns.id, coalesce(turns.place, turns.id) AS place, turns.person_id, turns.state,
    turns.created_at, turns.finished_at, turns.shown_at,
    coalesce(deliveries.state, '') AS delivery, coalesce(placeholders_left, 0) AS placeholders_left,
    {readable} AS readable, CASE WHEN {readable} THEN reply ELSE '' END AS reply,
    CASE WHEN {readable} THEN char_length(reply) + coalesce((
        SELECT sum(char_length(text)) FROM turn_messages
        JOIN messages ON messages.id = message_id WHERE turn_id = turns.id), 0)
        ELSE 0 END AS characters,
    turns.error, turns.error_code, coalesce(persons.language, (
        SELECT identities.language FROM turn_messages
        JOIN messages ON messages.id = message_id JOIN identities ON identities.id = identity_id
        WHERE turn_id = turns.id ORDER BY messages.id LIMIT 1), '') AS language,
    (SELECT count(*) FROM feedback WHERE turn_id = turns.id AND value = 1) AS up,
    (SELECT count(*) FROM feedback WHERE turn_id = turns.id AND value = -1) AS down
FROM turns LEFT JOIN deliveries ON deliveries.turn_id = turns.id
LEFT JOIN persons ON persons.id = turns.person_id
WHERE turns.conversation_id = %(conversation)s AND superseded_by IS NULL
"""
_OLDER = """
    AND coalesce(place, turns.id) < %(than)s
ORDER BY coalesce(place, turns.id) DESC LIMIT %(limit)s
"""
_NEWER = """
    AND coalesce(place, turns.id) > %(than)s
ORDER BY coalesce(place, turns.id) LIMIT %(limit)s
"""
SAID = """
SELECT turn_id, messages.id, role, text, messages.created_at, edited_at,
    deleted_at IS NOT NULL AS deleted, person_id, coalesce(identities.name, '') AS name
FROM turn_messages JOIN messages ON messages.id = message_id
LEFT JOIN identities ON identities.id = identity_id
WHERE turn_id = ANY(%(turns)s) ORDER BY turn_id, messages.id
"""
FILES = """
SELECT id, message_id, kind, name, media_type, width, height, characters,
    left(coalesce(text, ''), %(characters)s) AS text, bytes IS NOT NULL AS there
FROM attachments WHERE message_id = ANY(%(messages)s) ORDER BY message_id, position
"""
REPLACED = """
SELECT id, coalesce(place, id) AS place, reply, state, error, error_code, finished_at
FROM turns WHERE conversation_id = %(conversation)s AND coalesce(place, id) = ANY(%(places)s)
    AND superseded_by IS NOT NULL ORDER BY id
"""
_FILE = """
SELECT attachments.name, media_type, bytes FROM attachments
JOIN turn_messages ON turn_messages.message_id = attachments.message_id
JOIN turns ON turns.id = turn_id
WHERE attachments.id = %(file)s AND turns.conversation_id = %(conversation)s
    AND bytes IS NOT NULL AND {readable} LIMIT 1
"""
_OPEN_TURN = "SELECT FROM turns WHERE id = %(turn)s AND {readable}"
_CLOSED_TURN = """
SELECT FROM turns WHERE conversation_id = %(conversation)s AND NOT ({readable}) LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Head:
    """A conversation; `person` is who asked in it last."""

    id: int
    chat: ChatRef
    persona: str
    created_at: datetime
    last_message_at: datetime
    person_id: int | None
    person: str


@dataclass(frozen=True, slots=True)
class SaidFile:
    """`text` is its beginning; `there`: its bytes are kept."""

    id: int
    kind: str
    name: str
    media_type: str
    width: int
    height: int
    characters: int
    text: str
    there: bool


@dataclass(frozen=True, slots=True)
class Said:
    """A message. `name` and `person_id` of who wrote it, as far as that is known."""

    role: str
    name: str
    person_id: int | None
    at: datetime
    text: str
    edited_at: datetime | None
    deleted: bool
    files: Sequence[SaidFile]


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` as it stands there, with what Outrider said at its end."""

    turn_id: int
    state: TurnState
    text: str
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was asked in one place of the conversation, and its answer.

    Where it may not be `readable` there are no messages and no text. `delivery` is how showing it
    went, empty where no channel had to.
    """

    turn_id: int
    place: int
    readable: bool
    asked: Sequence[Said]
    answer: Answer
    replaced: Sequence[Answer]
    asked_at: datetime
    visible_at: datetime | None
    delivery: str
    placeholders_left: int
    error_code: str
    up: int
    down: int


@dataclass(frozen=True, slots=True)
class Page:
    """Oldest first. `older`, `newer`: the places from which there is more that way, or None."""

    head: Head
    exchanges: Sequence[Exchange]
    older: int | None
    newer: int | None


@dataclass(frozen=True, slots=True)
class KeptFile:
    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Reader:
    database: Database
    access: ContentAccess

    async def head(self, conversation_id: int) -> Head | None:
        row = await self.database.row(HEAD, {"conversation": conversation_id})
        if row is None:
            return None
        chat = ChatRef(row.channel, row.account, row.chat_id, row.thread_id, row.kind)
        times = (row.created_at, row.last_message_at)
        return Head(row.id, chat, row.persona, *times, row.person_id, row.person)

    async def newest(self, head: Head) -> Page:
        return await self.before(head, NEWEST)

    async def before(self, head: Head, place: int) -> Page:
        rows, more = await self._turns(head, _OLDER, place, PAGE)
        newer = rows[0].place if rows and place != NEWEST else None
        return await self._page(head, rows[::-1], rows[-1].place if more else None, newer)

    async def after(self, head: Head, place: int) -> Page:
        rows, more = await self._turns(head, _NEWER, place, PAGE)
        older = rows[0].place if rows else None
        return await self._page(head, rows, older, rows[-1].place if more else None)

    async def around(self, head: Head, place: int) -> Page:
        """That place in the middle of its page."""
        until, older = await self._turns(head, _OLDER, place + 1, PAGE // 2)
        since, newer = await self._turns(head, _NEWER, place, PAGE // 2)
        both = [*until[::-1], *since]
        return await self._page(
            head,
            both,
            both[0].place if older else None,
            both[-1].place if newer else None,
        )

    async def file(self, conversation_id: int, file_id: int) -> KeptFile | None:
        """None where it isn't there, or may not be read."""
        statement = _FILE.format(readable=self.access.readable("turns"))
        values = {"conversation": conversation_id, "file": file_id}
        row = await self.database.row(statement, values)
        return None if row is None else KeptFile(row.name, row.media_type, bytes(row.bytes))

    async def may_read(self, turn_id: int) -> bool:
        """Whether a turn's texts may be read."""
        statement = _OPEN_TURN.format(readable=self.access.readable("turns"))
        return await self.database.row(statement, {"turn": turn_id}) is not None

    async def open_throughout(self, conversation_id: int) -> bool:
        """Whether all of it may be read."""
        statement = _CLOSED_TURN.format(readable=self.access.readable("turns"))
        return await self.database.row(statement, {"conversation": conversation_id}) is None

    async def _turns(
        self, head: Head, which: str, than: int, limit: int
    ) -> tuple[Sequence[Any], bool]:
        """So many, and whether there are more."""
        statement = exchanges(self.access.readable("turns")) + which
        values = {"conversation": head.id, "than": than, "limit": limit + 1}
        rows = await self.database.rows(statement, values)
        fitting = _fitting(rows[:limit], PAGE_CHARACTERS * limit // PAGE)
        return fitting, len(rows) > len(fitting)

    async def _page(
        self, head: Head, rows: Sequence[Any], older: int | None, newer: int | None
    ) -> Page:
        open_ones = [row for row in rows if row.readable]
        said = await self._said([row.id for row in open_ones])
        replaced = await self._replaced(head, open_ones)
        shown = [_exchange(row, said[row.id], replaced[row.place]) for row in rows]
        return Page(head, shown, older, newer)

    async def _said(self, turns: Sequence[int]) -> Mapping[int, Sequence[Said]]:
        rows = await self.database.rows(SAID, {"turns": turns})
        values = {"messages": [row.id for row in rows], "characters": SHOWN_CHARACTERS}
        files: defaultdict[int, list[SaidFile]] = defaultdict(list)
        for row in await self.database.rows(FILES, values):
            files[row.message_id].append(_file(row))
        said: defaultdict[int, list[Said]] = defaultdict(list)
        for row in rows:
            said[row.turn_id].append(_message(row, files[row.id]))
        return said

    async def _replaced(self, head: Head, rows: Sequence[Any]) -> Mapping[int, Sequence[Answer]]:
        languages = {row.place: row.language for row in rows}
        values = {"conversation": head.id, "places": list(languages)}
        replaced: defaultdict[int, list[Answer]] = defaultdict(list)
        for row in await self.database.rows(REPLACED, values):
            replaced[row.place].append(_answer(row, languages[row.place]))
        return replaced


def _fitting(rows: Sequence[Any], characters: int) -> Sequence[Any]:
    """The first of them, as many as fit; one at least."""
    sizes = list(accumulate(row.characters for row in rows))
    return rows[: max(1, sum(size <= characters for size in sizes))]


def exchanges(readable: str) -> str:
    return _EXCHANGES.format(readable=readable)


def _exchange(row: Any, said: Sequence[Said], replaced: Sequence[Answer]) -> Exchange:
    return Exchange(
        turn_id=row.id,
        place=row.place,
        readable=row.readable,
        asked=said,
        answer=_answer(row, row.language) if row.readable else _closed(row),
        replaced=replaced,
        asked_at=row.created_at,
        visible_at=row.shown_at,
        delivery=row.delivery,
        placeholders_left=row.placeholders_left,
        error_code=row.error_code,
        up=row.up,
        down=row.down,
    )


def _answer(row: Any, language: str) -> Answer:
    """As it was shown; what is not over yet, as far as it is written."""
    over = None if row.state in ("queued", "running") else row.state
    shown = ShownReply(language, row.reply, state=over, error=row.error, error_code=row.error_code)
    text = "" if shown.silent else shown.visible()
    return Answer(row.id, row.state, text, row.finished_at)


def _closed(row: Any) -> Answer:
    return Answer(row.id, row.state, "", row.finished_at)


def _message(row: Any, files: Sequence[SaidFile]) -> Said:
    return Said(
        role=row.role,
        name=row.name,
        person_id=row.person_id,
        at=row.created_at,
        text=row.text,
        edited_at=row.edited_at,
        deleted=row.deleted,
        files=files,
    )


def _file(row: Any) -> SaidFile:
    return SaidFile(
        id=row.id,
        kind=row.kind,
        name=row.name,
        media_type=row.media_type,
        width=row.width,
        height=row.height,
        characters=row.characters,
        text=row.text,
        there=row.there,
    )
