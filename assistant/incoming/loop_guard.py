"""Two bots must not answer each other for ever: each other bot has a budget per chat.

What was accepted of it stands in Postgres, so that an emptied Redis forgets no loop.
"""

from __future__ import annotations

from dataclasses import dataclass

from assistant.accounts import Account
from assistant.messages import IncomingMessage
from assistant.settings import AssistantSettings
from assistant.storage.database import Database

SPENT = """
SELECT count(*) AS accepted FROM messages JOIN identities ON identities.id = identity_id
WHERE identities.account_id = %(account)s AND platform_id = %(bot)s
    AND messages.chat_id = %(chat)s
    AND messages.created_at > now() - make_interval(secs => %(seconds)s)
"""


@dataclass(frozen=True, slots=True)
class LoopGuard:
    """At most `bot_answers` to one bot in one chat within `bot_window_seconds`."""

    database: Database
    settings: AssistantSettings

    async def has_budget(self, account: Account, message: IncomingMessage) -> bool:
        values = {
            "account": account.id,
            "bot": message.sender_id,
            "chat": message.chat.chat_id,
            "seconds": self.settings.bot_window_seconds,
        }
        row = await self.database.row(SPENT, values)
        return row is None or row.accepted < self.settings.bot_answers
