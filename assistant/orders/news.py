"""News: what an admin tells all conversations that asked for it, until they ask for no more.

Where each conversation is a thread, news are for the chat as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass

from assistant.accounts import Account
from assistant.messages import ChatRef
from assistant.storage.database import Database

WANTED = """
SELECT news IS NOT NULL AS wanted FROM conversations
WHERE account_id = %(account)s AND chat_id = %(chat)s AND thread_id = %(thread)s
"""
ASK = """
INSERT INTO conversations (account_id, chat_id, thread_id, kind, news)
VALUES (%(account)s, %(chat)s, %(thread)s, %(kind)s, %(language)s)
ON CONFLICT (account_id, chat_id, thread_id) DO UPDATE SET news = excluded.news
"""
# What is on its way to others ends here at once.
END = """
WITH ended AS (
    UPDATE conversations SET news = NULL
    WHERE account_id = %(account)s AND chat_id = %(chat)s AND thread_id = %(thread)s
    RETURNING id
)
UPDATE broadcast_posts SET state = 'withdrawn', ended_at = now(), lease_owner = NULL,
    lease_until = NULL
FROM ended WHERE conversation_id = ended.id AND state = 'waiting'
"""


@dataclass(frozen=True, slots=True)
class News:
    database: Database

    async def wanted(self, account: Account, chat: ChatRef) -> bool:
        row = await self.database.row(WANTED, _where(account, chat))
        return row is not None and bool(row.wanted)

    async def ask(self, account: Account, chat: ChatRef, language: str) -> None:
        """From now on, with a word in this language beside each."""
        values = {**_where(account, chat), "kind": chat.kind, "language": language}
        await self.database.rows(ASK, values)

    async def end(self, account: Account, chat: ChatRef) -> None:
        await self.database.rows(END, _where(account, chat))


def _where(account: Account, chat: ChatRef) -> dict[str, object]:
    return {"account": account.id, "chat": chat.chat_id, "thread": chat.thread_id}
