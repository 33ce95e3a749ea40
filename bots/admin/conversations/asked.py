"""What an admin looks for, as it stands in the address of the page and of the endpoint."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Literal

from pydantic import BaseModel, Field

from assistant.insight.search import Cursor, Wanted
from assistant.insight.search_query import MOST_CHARACTERS

CURSOR = r"^[0-9]{1,17}-[0-9]{1,18}(-s)?$"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_THUMBS = {"up": 1, "down": -1}
_Id = Field(None, ge=1, lt=2**63)


class Asked(BaseModel):
    """`q` is what is searched for. `since` and `until` are days of UTC, each of them included;
    `person` is a name or an id, `persona` a name."""

    q: str = Field("", max_length=MOST_CHARACTERS)
    person: str = Field("", max_length=200)
    account: int | None = _Id
    conversation: int | None = _Id
    persona: str = Field("", max_length=100)
    thumb: Literal["", "up", "down"] = ""
    failed: bool = False
    since: date | None = None
    until: date | None = None
    before: str = Field("", pattern=rf"^$|{CURSOR}")

    @property
    def narrowed(self) -> bool:
        """Whether anything was asked for."""
        return self != Asked(before=self.before)

    def wanted(self) -> Wanted:
        return Wanted(
            text=self.q.replace("\x00", " "),
            person=self.person.replace("\x00", "").strip(),
            conversation=self.conversation,
            accounts=None if self.account is None else [self.account],
            persona=self.persona.replace("\x00", "").strip() or None,
            failed=self.failed,
            thumb=_THUMBS.get(self.thumb),
            since=_start(self.since),
            until=_end(self.until),
            before=cursor_of(self.before),
        )


def cursor_of(text: str) -> Cursor | None:
    if not text:
        return None
    micros, turn, *similar = text.split("-")
    at = EPOCH + timedelta(microseconds=int(micros))
    return Cursor(at, int(turn), bool(similar))


def written(cursor: Cursor | None) -> str:
    if cursor is None:
        return ""
    micros = (cursor.at - EPOCH) // timedelta(microseconds=1)
    return f"{micros}-{cursor.turn_id}{'-s' if cursor.similar else ''}"


def _start(day: date | None) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)


def _end(day: date | None) -> datetime | None:
    start = _start(day)
    return None if start is None or day == date.max else start + timedelta(days=1)
