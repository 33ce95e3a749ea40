"""A conversation as a file: all that is stored of it and was not deleted, oldest first."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import groupby
from typing import Any, Literal

from assistant.incoming.control import CONVERSATION, place
from assistant.messages import ChatRef, Document
from assistant.storage.database import Database

Form = Literal["markdown", "json"]

MOST_BYTES = 45_000_000  # platforms take little more
PAGE_TURNS = 200
MEDIA_TYPES: dict[Form, tuple[str, str]] = {
    "markdown": ("conversation.md", "text/markdown"),
    "json": ("conversation.json", "application/json"),
}

# Backwards from a place: where all is too much, the oldest is left out.
PAGE = f"""
WITH page AS (
    SELECT id, coalesce(place, id) AS place, reply, state, finished_at FROM turns
    WHERE conversation_id = ({CONVERSATION}) AND superseded_by IS NULL
        AND coalesce(place, id) < %(before)s
    ORDER BY coalesce(place, id) DESC LIMIT %(limit)s
)
SELECT page.id, page.place, page.reply, page.state, page.finished_at, messages.text,
    messages.created_at, coalesce(identities.name, '') AS sender
FROM page LEFT JOIN (
    turn_messages JOIN messages ON messages.id = message_id AND deleted_at IS NULL
    LEFT JOIN identities ON identities.id = messages.identity_id
) ON turn_messages.turn_id = page.id
ORDER BY page.place DESC, messages.id
"""


@dataclass(frozen=True, slots=True)
class Export:
    """`most_bytes` of a file; `page_turns` are read at once."""

    database: Database
    most_bytes: int = MOST_BYTES
    page_turns: int = PAGE_TURNS

    async def document(self, chat: ChatRef, form: Form, note: str) -> Document | None:
        """None where nothing is stored. `note` stands in the text where it had to be cut."""
        exchanges: list[bytes] = []
        size, whole = 0, True
        async for exchange in self._exchanges(chat, form):
            size += len(exchange)
            if size > self.most_bytes:
                whole = False
                break
            exchanges.append(exchange)
        if not exchanges:
            return None
        exchanges.reverse()
        content = (
            _json(exchanges, whole)
            if form == "json"
            else _markdown(exchanges, "" if whole else note)
        )
        return Document(*MEDIA_TYPES[form], content)

    async def _exchanges(self, chat: ChatRef, form: Form) -> AsyncIterator[bytes]:
        """Newest first, each as a piece of the file."""
        before = 2**63 - 1
        while True:
            values = {**place(chat), "before": before, "limit": self.page_turns}
            found = await self.database.rows(PAGE, values)
            for _, rows in groupby(found, key=lambda row: row.id):
                if piece := _piece(list(rows), form):
                    yield piece.encode()
            if not found:
                return
            before = found[-1].place


def _piece(rows: Sequence[Any], form: Form) -> str:
    """One exchange; empty where its question was deleted, and its answer with it."""
    asked = [row for row in rows if row.text is not None]
    last = rows[-1]
    if not asked and not last.reply:
        return ""
    if form == "json":
        return json.dumps(_value(asked, last), ensure_ascii=False)
    parts = [f"**{_heading(row)}**\n\n{row.text}" for row in asked]
    if last.reply:
        parts.append(f"**Outrider · {_time(last.finished_at)}**\n\n{last.reply}")
    return "\n\n".join(parts)


def _value(asked: Sequence[Any], last: Any) -> dict[str, object]:
    return {
        "asked": [
            {"at": row.created_at.isoformat(), "name": row.sender, "text": row.text}
            for row in asked
        ],
        "answer": last.reply,
        "answered_at": last.finished_at.isoformat() if last.finished_at else None,
        "state": last.state,
    }


def _heading(row: Any) -> str:
    name = " ".join(row.sender.replace("*", "").split()) or "?"
    return f"{name} · {_time(row.created_at)}"


def _time(moment: Any) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else "…"


def _markdown(exchanges: Sequence[bytes], note: str) -> bytes:
    parts = [f"*{note}*".encode()] if note else []
    return b"\n\n---\n\n".join([*parts, *exchanges]) + b"\n"


def _json(exchanges: Sequence[bytes], whole: bool) -> bytes:
    complete = b"true" if whole else b"false"
    return b'{"complete": ' + complete + b', "exchanges": [\n' + b",\n".join(exchanges) + b"\n]}\n"
