"""All quotas that are set, with what was used of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assistant.incoming.quota import EVERYONE, Quota, Scope, Spent, Standing
from assistant.storage.database import Database

PAGE = 40
FIRST = 2**62  # no id is behind it

_TODAY = "CAST(now() AT TIME ZONE 'UTC' AS date)"
_MONTH = "CAST(date_trunc('month', now() AT TIME ZONE 'UTC') AS date)"
_USED = f"""
    SELECT sum(prompt_tokens + output_tokens) FILTER (WHERE day = {_TODAY}) AS tokens_today,
        sum(prompt_tokens + output_tokens) AS tokens_month,
        sum(messages) FILTER (WHERE day = {_TODAY}) AS messages_today,
        sum(messages) AS messages_month
    FROM usage_days WHERE day >= {_MONTH}
"""
# Of people, of groups, of accounts: the use of each kind is found by an index of its own.
LISTED = f"""
WITH page AS (
    SELECT *, split_part(subject, ':', 1) AS scope FROM quotas
    WHERE id < %(before)s AND (until IS NULL OR until > now()) ORDER BY id DESC LIMIT %(limit)s
), counted AS (
    SELECT page.id, used.* FROM page CROSS JOIN LATERAL (
        {_USED} AND usage_days.person_id = page.person_id) AS used WHERE scope = 'person'
    UNION ALL
    SELECT page.id, used.* FROM page CROSS JOIN LATERAL (
        {_USED} AND usage_days.account_id = page.account_id AND usage_days.chat = page.chat
            AND usage_days.chat <> '') AS used WHERE scope = 'chat'
    UNION ALL
    SELECT page.id, used.* FROM page CROSS JOIN LATERAL (
        {_USED} AND usage_days.account_id = page.account_id) AS used WHERE scope = 'account'
)
SELECT page.*, coalesce(persons.name, '') AS person, coalesce(channel, '') AS channel,
    coalesce(accounts.name, '') AS account, tokens_today, tokens_month, messages_today,
    messages_month
FROM page JOIN counted ON counted.id = page.id
LEFT JOIN persons ON persons.id = page.person_id
LEFT JOIN accounts ON accounts.id = page.account_id
ORDER BY page.id DESC
"""
# Those that a person has of their own, and everybody's; what goes before the others first.
OF_PERSON = """
SELECT subject, temporary, tokens_per_day, tokens_per_month, messages_per_day, messages_per_month,
    until, note
FROM quotas WHERE subject IN ('person:' || CAST(%(person)s AS bigint), %(each)s)
    AND (until IS NULL OR until > now())
ORDER BY subject = %(each)s, NOT temporary
"""
ACCOUNTS = "SELECT id, channel, name FROM accounts ORDER BY channel, name"


@dataclass(frozen=True, slots=True)
class LimitedAccount:
    id: int
    channel: str
    name: str


@dataclass(frozen=True, slots=True)
class PersonsQuota:
    """`of_each`: everybody's, not their own."""

    of_each: bool
    quota: Quota
    until: datetime | None
    note: str


@dataclass(frozen=True, slots=True)
class ListedQuota:
    """`standing` says nothing of use where the quota is each one's (`person:*`, `chat:*`)."""

    id: int
    subject: str
    temporary: bool
    person_id: int | None
    person: str
    channel: str
    account: str
    chat: str
    note: str
    changed_at: datetime
    standing: Standing

    @property
    def of_each(self) -> bool:
        return self.subject.endswith(":*")


@dataclass(frozen=True, slots=True)
class QuotaPage:
    """`before`: what to ask for to see those that follow; None at the end."""

    quotas: Sequence[ListedQuota]
    before: int | None


@dataclass(frozen=True, slots=True)
class QuotaList:
    database: Database

    async def listed(self, before: int | None = None) -> QuotaPage:
        """Those that hold, what was set last first, PAGE of them. Raises StorageUnavailable."""
        values = {"before": before or FIRST, "limit": PAGE + 1}
        rows = await self.database.rows(LISTED, values)
        listed = [_listed(row) for row in rows[:PAGE]]
        return QuotaPage(listed, listed[-1].id if len(rows) > PAGE else None)

    async def accounts(self) -> Sequence[LimitedAccount]:
        """Those that a quota can be set for."""
        return [LimitedAccount(*one) for one in await self.database.rows(ACCOUNTS)]

    async def of_person(self, person_id: int) -> Sequence[PersonsQuota]:
        """What holds for a person: the first of them, until its time is over."""
        values = {"person": person_id, "each": EVERYONE}
        return [
            PersonsQuota(row.subject == EVERYONE, _quota(row), row.until, row.note)
            for row in await self.database.rows(OF_PERSON, values)
        ]


def _quota(row: Any) -> Quota:
    return Quota(
        row.tokens_per_day, row.tokens_per_month, row.messages_per_day, row.messages_per_month
    )


def _listed(row: Any) -> ListedQuota:
    spent = Spent(
        int(row.tokens_today or 0),
        int(row.tokens_month or 0),
        int(row.messages_today or 0),
        int(row.messages_month or 0),
    )
    scope: Scope = row.scope
    return ListedQuota(
        row.id,
        row.subject,
        row.temporary,
        row.person_id,
        row.person,
        row.channel,
        row.account,
        row.chat,
        row.note,
        row.changed_at,
        Standing(scope, _quota(row), spent, row.until),
    )
