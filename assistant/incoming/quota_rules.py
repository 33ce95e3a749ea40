"""Quota rules: who has which quota, as admins set it. Every process goes by it within two seconds.

A subject is what a quota is of: `person:12`, `person:*` (each person without one of their own),
`chat:1:-100` (a group, by its account and the platform's id), `chat:*`, `account:1`. Beside the one
that stands a subject may have a temporary one, which goes before it until its time is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg

from assistant.errors import ChangeRefused
from assistant.incoming.quota import EVERY_GROUP, EVERYONE, Quota
from assistant.messages import clean
from assistant.storage.audit import Actor, note
from assistant.storage.database import Connection, Database, row
from assistant.storage.tables.people import QUOTA_LIMITS

MOST = 1_000_000_000_000  # of anything: what is more is a slip of the hand
NOTE_CHARACTERS = 500

BEFORE = f"""
SELECT {", ".join(QUOTA_LIMITS)}, until, note FROM quotas
WHERE subject = %(subject)s AND temporary = %(temporary)s FOR UPDATE
"""
MOST_DAYS = 366  # that a temporary quota lasts
AHEAD = """
SELECT CAST(%(until)s AS timestamptz) > now() AS ahead,
    CAST(%(until)s AS timestamptz) <= now() + make_interval(days => %(days)s) AS near
"""
KEEP = f"""
INSERT INTO quotas
    (subject, temporary, person_id, account_id, chat, {", ".join(QUOTA_LIMITS)}, until, note)
VALUES (%(subject)s, %(temporary)s, %(person)s, %(account)s, %(chat)s,
    {", ".join(f"%({one})s" for one in QUOTA_LIMITS)}, %(until)s, %(note)s)
ON CONFLICT (subject, temporary) DO UPDATE SET
    {", ".join(f"{one} = excluded.{one}" for one in QUOTA_LIMITS)},
    until = excluded.until, note = excluded.note, changed_at = now()
"""
REMOVE = """
DELETE FROM quotas WHERE subject = %(subject)s AND temporary = %(temporary)s
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """`text` is how it stands in the table."""

    text: str
    person_id: int | None = None
    account_id: int | None = None
    chat: str = ""


def of_person(person_id: int) -> Subject:
    return Subject(f"person:{person_id}", person_id=person_id)


def of_account(account_id: int) -> Subject:
    return Subject(f"account:{account_id}", account_id=account_id)


def of_chat(account_id: int, chat_id: str) -> Subject:
    return Subject(f"chat:{account_id}:{chat_id}", account_id=account_id, chat=chat_id)


def read_subject(text: str) -> Subject:
    """Raises ChangeRefused for what names nothing."""
    if text in (EVERYONE, EVERY_GROUP):
        return Subject(text)
    kind, _, rest = text.partition(":")
    if kind in ("person", "account") and _is_id(rest):
        return of_person(int(rest)) if kind == "person" else of_account(int(rest))
    account, _, chat = rest.partition(":")
    if kind == "chat" and _is_id(account) and chat:
        return of_chat(int(account), clean(chat))
    raise ChangeRefused(
        "quota_subject",
        "A quota is of person:NUMBER, person:*, chat:ACCOUNT:CHAT, chat:* or account:NUMBER.",
    )


@dataclass(frozen=True, slots=True)
class QuotaRules:
    """All raise StorageUnavailable, and ChangeRefused, in words: then nothing was changed."""

    database: Database

    async def keep(
        self,
        actor: Actor,
        subject: Subject,
        quota: Quota,
        *,
        until: datetime | None = None,
        why: str = "",
    ) -> None:
        """Set what a subject may use; with `until` beside what it may use else, until then. A quota
        without any limit lets a person do as they like where everybody has one."""
        _check(quota)
        values = {
            **_where(subject, temporary=until is not None),
            **asdict(quota),
            "person": subject.person_id,
            "account": subject.account_id,
            "chat": subject.chat,
            "until": until,
            "note": clean(why).strip()[:NOTE_CHARACTERS],
        }
        async with self.database.transaction() as connection:
            await _check_time(connection, until)
            before = await row(connection, BEFORE, values)
            try:
                await row(connection, KEEP, values)
            except psycopg.errors.ForeignKeyViolation as error:
                raise ChangeRefused(
                    "quota_nobody", "There is nobody and nothing of this number."
                ) from error
            after = {name: values[name] for name in (*QUOTA_LIMITS, "note")} | _time(until)
            await note(connection, actor, "quota.set", _target(subject), _told(before), after)

    async def remove(self, actor: Actor, subject: Subject, *, temporary: bool = False) -> bool:
        """False where there was none."""
        values = _where(subject, temporary=temporary)
        async with self.database.transaction() as connection:
            before = await row(connection, BEFORE, values)
            if before is None:
                return False
            await row(connection, REMOVE, values)
            await note(connection, actor, "quota.removed", _target(subject), _told(before), None)
        return True


def _check(quota: Quota) -> None:
    given = [one for one in asdict(quota).values() if one is not None]
    if any(one < 0 or one > MOST for one in given):
        raise ChangeRefused(
            "quota_limit",
            f"A limit is a number from 0 to {MOST:,}, or empty for none.",
            {"most": f"{MOST:,}"},
        )


async def _check_time(connection: Connection, until: datetime | None) -> None:
    if until is None:
        return
    if until.tzinfo is None:
        raise ChangeRefused("quota_zone", "Say of which time zone the end is.")
    end = await row(connection, AHEAD, {"until": until, "days": MOST_DAYS})
    if end is None or not end.ahead:
        raise ChangeRefused(
            "quota_past", "The end has passed already: give a time that is to come."
        )
    if not end.near:
        raise ChangeRefused(
            "quota_far",
            f"A temporary quota lasts {MOST_DAYS} days at most: for longer, set one that stands.",
            {"days": str(MOST_DAYS)},
        )


def _where(subject: Subject, *, temporary: bool) -> dict[str, object]:
    return {"subject": subject.text, "temporary": temporary}


def _target(subject: Subject) -> str:
    return f"quota:{subject.text}"


def _told(before: Any | None) -> Mapping[str, object] | None:
    if before is None:
        return None
    told = {name: getattr(before, name) for name in (*QUOTA_LIMITS, "note")}
    return told | _time(before.until)


def _time(until: datetime | None) -> dict[str, object]:
    return {"until": None if until is None else until.isoformat()}


def _is_id(text: str) -> bool:
    return len(text) < 19 and text.isascii() and text.isdecimal() and int(text) > 0
