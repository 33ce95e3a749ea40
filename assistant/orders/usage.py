"""How much a person used: messages, turns and tokens, today and in the last thirty days."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.accounts import Account
from assistant.incoming.quota import Line
from assistant.incoming.spending import Spending
from assistant.messages import ChatRef
from assistant.storage.database import Database

# In a group only what was said there: the others learn nothing of private chats.
READ = """
WITH here AS (
    SELECT id FROM conversations
    WHERE account_id = %(account)s AND chat_id = %(chat)s AND thread_id = %(thread)s
), asked AS (
    SELECT created_at FROM messages
    WHERE identity_id IN (SELECT id FROM identities WHERE person_id = %(person)s)
        AND created_at > now() - interval '30 days'
        AND (%(everywhere)s OR conversation_id = (SELECT id FROM here))
), answered AS (
    SELECT created_at, prompt_tokens, output_tokens FROM turns
    WHERE person_id = %(person)s AND created_at > now() - interval '30 days'
        AND (%(everywhere)s OR conversation_id = (SELECT id FROM here))
)
SELECT days.name,
    (SELECT count(*) FROM asked WHERE asked.created_at >= days.since) AS messages,
    (SELECT count(*) FROM answered WHERE answered.created_at >= days.since) AS turns,
    (SELECT coalesce(sum(prompt_tokens), 0) FROM answered
        WHERE answered.created_at >= days.since) AS prompt_tokens,
    (SELECT coalesce(sum(output_tokens), 0) FROM answered
        WHERE answered.created_at >= days.since) AS output_tokens
FROM (VALUES
    ('today', date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'),
    ('month', now() - interval '30 days')) AS days (name, since)
"""


@dataclass(frozen=True, slots=True)
class Used:
    messages: int
    turns: int
    prompt_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Usage:
    database: Database
    spending: Spending

    async def quotas(self, account: Account, chat: ChatRef, sender_id: str) -> list[Line]:
        """The limits that apply to this person here, and what is spent of each."""
        found = await self.spending.standings(account, chat, sender_id)
        return [line for standing in found for line in standing.lines()]

    async def of(self, person_id: int, account: Account, chat: ChatRef) -> tuple[Used, Used]:
        """Today (UTC), and in thirty days. In a group: of what was asked there."""
        values = {
            "person": person_id,
            "account": account.id,
            "chat": chat.chat_id,
            "thread": chat.thread_id,
            "everywhere": chat.kind == "private",
        }
        found = {row.name: row for row in await self.database.rows(READ, values)}
        today, month = (
            Used(row.messages, row.turns, int(row.prompt_tokens), int(row.output_tokens))
            for row in (found["today"], found["month"])
        )
        return today, month
