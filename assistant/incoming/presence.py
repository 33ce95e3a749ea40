"""Whether we are in a chat: where we were put out, nobody waits for an answer any more."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.messages import ChatRef
from assistant.storage.database import Database

# In all threads of the chat.
LIVE = """
SELECT turns.id FROM accounts
JOIN conversations ON conversations.account_id = accounts.id
JOIN turns ON turns.conversation_id = conversations.id
WHERE channel = %(channel)s AND accounts.name = %(account)s AND chat_id = %(chat)s
    AND state IN ('queued', 'running')
"""


async def live_turns(database: Database, chat: ChatRef) -> Sequence[int]:
    values = {"channel": chat.channel, "account": chat.account, "chat": chat.chat_id}
    return [row.id for row in await database.rows(LIVE, values)]
