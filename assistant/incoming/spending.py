"""Spending: what was used of a quota, asked before a message is taken in.

What has ended stands in `usage_days`; what waits or runs is added from the turns at work, with what
is checkpointed of it. A message is let in while there is anything left, and then answered in full,
so a quota may be exceeded by the answers that were under way when it was reached.

Which kinds of quota there are is known here, two seconds old at most: where none applies, nothing
is asked. What an account has used in all is known for ten seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from assistant.accounts import Account
from assistant.errors import QuotaSpent
from assistant.incoming.quota import EVERY_GROUP, EVERYONE, Quota, Scope, Spent, Standing, ends
from assistant.messages import ChatRef
from assistant.storage.database import Database

KINDS_SECONDS = 2.0
ACCOUNT_SECONDS = 10.0
PROGRAMS = frozenset({"api"})  # whose keys have quotas of their own: everybody's isn't theirs

_HOLDS = "(until IS NULL OR until > now())"
KINDS = f"""
SELECT DISTINCT CASE split_part(subject, ':', 1) WHEN 'account' THEN subject
    ELSE split_part(subject, ':', 1) END AS kind
FROM quotas WHERE {_HOLDS}
"""
_LIMITS = "tokens_per_day, tokens_per_month, messages_per_day, messages_per_month"
_TODAY = "CAST(now() AT TIME ZONE 'UTC' AS date)"
_MONTH = "CAST(date_trunc('month', now() AT TIME ZONE 'UTC') AS date)"
# One's own goes before everybody's, and a temporary one before one that stands.
_RULE = f"""
    SELECT {_LIMITS}, until FROM quotas WHERE subject IN (%(subject)s, %(each)s) AND {_HOLDS}
    ORDER BY subject = %(each)s, NOT temporary LIMIT 1
"""
_COUNTED = f"""
    SELECT coalesce(sum(prompt_tokens + output_tokens) FILTER (WHERE day = {_TODAY}), 0)
            AS tokens_today,
        coalesce(sum(prompt_tokens + output_tokens), 0) AS tokens_month,
        coalesce(sum(messages) FILTER (WHERE day = {_TODAY}), 0) AS messages_today,
        coalesce(sum(messages), 0) AS messages_month
    FROM usage_days WHERE day >= {_MONTH}
"""
# Of one that replaces another the messages were counted with that.
_AT_WORK = """
    SELECT coalesce(sum(greatest(turns.tokens, coalesce(cardinality(prompt_token_ids), 0))
            + cardinality(reply_token_ids)), 0) AS tokens,
        coalesce(sum((SELECT count(*) FROM turn_messages
            WHERE turn_id = turns.id AND coalesce(place, turns.id) = turns.id)), 0) AS messages
    FROM turns
"""
_LIVE = "turns.state IN ('queued', 'running')"
_STANDING = f"""
SELECT {_LIMITS}, until, tokens_today + live.tokens AS tokens_today,
    tokens_month + live.tokens AS tokens_month,
    messages_today + live.messages AS messages_today,
    messages_month + live.messages AS messages_month, now() AS at
FROM rule, counted, live
"""
OF_PERSON = f"""
WITH sender AS (
    SELECT coalesce(CAST(%(person)s AS bigint), (
        SELECT person_id FROM identities
        WHERE account_id = CAST(%(account)s AS bigint)
            AND platform_id = CAST(%(sender)s AS text))) AS person_id
), rule AS (
    SELECT {_LIMITS}, until FROM quotas
    WHERE subject IN ('person:' || (SELECT person_id FROM sender), %(each)s) AND {_HOLDS}
    ORDER BY subject = %(each)s, NOT temporary LIMIT 1
), counted AS (
    {_COUNTED} AND person_id = (SELECT person_id FROM sender)
), live AS (
    {_AT_WORK} WHERE person_id = (SELECT person_id FROM sender) AND {_LIVE}
)
{_STANDING}"""
OF_CHAT = f"""
WITH rule AS ({_RULE}), counted AS (
    {_COUNTED} AND account_id = %(account)s AND chat = %(chat)s AND chat <> ''
), live AS (
    {_AT_WORK} WHERE {_LIVE} AND conversation_id IN (
        SELECT id FROM conversations WHERE account_id = %(account)s AND chat_id = %(chat)s)
)
{_STANDING}"""
OF_ACCOUNT = f"""
WITH rule AS ({_RULE}), counted AS (
    {_COUNTED} AND account_id = %(account)s
), live AS (
    {_AT_WORK} WHERE {_LIVE} AND %(account)s = (
        SELECT account_id FROM conversations WHERE conversations.id = conversation_id)
)
{_STANDING}"""
# Whether this event, or its message, was taken in before: then it is no new one.
CAME = """
SELECT EXISTS (
    SELECT FROM events WHERE account_id = %(account)s AND event_id = %(event)s) OR EXISTS (
    SELECT FROM messages WHERE account_id = %(account)s AND chat_id = %(chat)s
        AND platform_message_id = %(message)s) AS came
"""


@dataclass(frozen=True, slots=True)
class _Known:
    at: float
    value: Any


@dataclass(slots=True)
class Spending:
    database: Database
    clock: Callable[[], float] = time.monotonic  # seconds
    _kinds: _Known | None = field(default=None, init=False)
    _accounts: dict[int, _Known] = field(default_factory=dict, init=False)
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def check(
        self,
        account: Account,
        chat: ChatRef,
        sender_id: str,
        *,
        event_id: str = "",
        message_id: str = "",
        writes: bool = True,
    ) -> None:
        """Return if this person may use more here. Raises QuotaSpent, with what they are told, and
        StorageUnavailable. What came before (`event_id`, `message_id`) is let through: it was
        counted then, and counts nothing now."""
        for scope in await self._scopes(account, chat):
            found = await self._standing(scope, account, chat, sender_id)
            if found is None:
                continue
            standing, now = found
            line = standing.excess(writes=writes)
            if line is None:
                continue
            if await self._came(account, chat, event_id, message_id):
                return
            raise QuotaSpent(line.refusal(now), (ends(line.period, now) - now).total_seconds())

    async def standings(self, account: Account, chat: ChatRef, sender_id: str) -> list[Standing]:
        """The quotas that this person has here: their own, and the group's in a group."""
        found = [
            await self._standing(scope, account, chat, sender_id)
            for scope in await self._scopes(account, chat)
            if scope != "account"
        ]
        return [one[0] for one in found if one is not None]

    async def of_person(self, person_id: int, *, program: bool = False) -> Standing | None:
        """The quota that this person has; None where they have none. `program`: everybody's is not
        theirs."""
        each = "" if program else EVERYONE
        values = {"person": person_id, "account": None, "sender": None, "each": each}
        found = _read("person", await self.database.row(OF_PERSON, values))
        return found[0] if found else None

    async def _scopes(self, account: Account, chat: ChatRef) -> list[Scope]:
        kinds = await self._known_kinds()
        scopes: list[Scope] = ["person"] if "person" in kinds else []
        if chat.kind == "group" and "chat" in kinds:
            scopes.append("chat")
        if f"account:{account.id}" in kinds:
            scopes.append("account")
        return scopes

    async def _known_kinds(self) -> frozenset[str]:
        if self._stale(self._kinds, KINDS_SECONDS):
            async with self._asking:
                if self._stale(self._kinds, KINDS_SECONDS):
                    rows = await self.database.rows(KINDS)
                    self._kinds = _Known(self.clock(), frozenset(row.kind for row in rows))
        kinds: frozenset[str] = self._kinds.value if self._kinds else frozenset()
        return kinds

    async def _standing(
        self, scope: Scope, account: Account, chat: ChatRef, sender_id: str
    ) -> tuple[Standing, datetime] | None:
        if scope == "account":
            return await self._of_account(account)
        if scope == "person":
            each = "" if account.channel in PROGRAMS else EVERYONE
            values = {"person": None, "account": account.id, "sender": sender_id, "each": each}
            return _read(scope, await self.database.row(OF_PERSON, values))
        values = {
            "account": account.id,
            "chat": chat.chat_id,
            "subject": f"chat:{account.id}:{chat.chat_id}",
            "each": EVERY_GROUP,
        }
        return _read(scope, await self.database.row(OF_CHAT, values))

    async def _of_account(self, account: Account) -> tuple[Standing, datetime] | None:
        known = self._accounts.get(account.id)
        if known is None or self._stale(known, ACCOUNT_SECONDS):
            async with self._asking:
                known = self._accounts.get(account.id)
                if known is None or self._stale(known, ACCOUNT_SECONDS):
                    subject = f"account:{account.id}"
                    values = {"account": account.id, "subject": subject, "each": ""}
                    found = _read("account", await self.database.row(OF_ACCOUNT, values))
                    known = self._accounts[account.id] = _Known(self.clock(), found)
        standing: tuple[Standing, datetime] | None = known.value
        return standing

    async def _came(self, account: Account, chat: ChatRef, event_id: str, message_id: str) -> bool:
        if not event_id:
            return False
        values = {
            "account": account.id,
            "event": event_id,
            "chat": chat.chat_id,
            "message": message_id,
        }
        (row,) = await self.database.rows(CAME, values)
        return bool(row.came)

    def _stale(self, known: _Known | None, seconds: float) -> bool:
        return known is None or self.clock() - known.at >= seconds


def _read(scope: Scope, row: Any | None) -> tuple[Standing, datetime] | None:
    if row is None:
        return None
    quota = Quota(
        row.tokens_per_day, row.tokens_per_month, row.messages_per_day, row.messages_per_month
    )
    spent = Spent(
        int(row.tokens_today),
        int(row.tokens_month),
        int(row.messages_today),
        int(row.messages_month),
    )
    return Standing(scope, quota, spent, row.until), row.at.astimezone(UTC)
