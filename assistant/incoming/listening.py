"""Threads that the assistant takes part in: it hears all that is said, until told to be quiet.

It takes part where it was addressed. After "quiet" it does again where it is addressed anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from assistant.incoming.control import CONVERSATION, place
from assistant.messages import ChatRef
from assistant.storage.database import Database

TAKES_PART = f"""
SELECT FROM conversations WHERE id = ({CONVERSATION})
    AND EXISTS (SELECT FROM messages WHERE conversation_id = conversations.id AND id > quiet_after)
"""
HEARD_UNTIL = f"""
SELECT platform_message_id AS id FROM messages
WHERE conversation_id = ({CONVERSATION}) ORDER BY messages.id DESC LIMIT 1
"""
# An order that comes again is not about what came after it.
BE_QUIET = f"""
UPDATE conversations SET quiet_after = greatest(quiet_after, (
    SELECT id FROM messages WHERE conversation_id = conversations.id
        AND created_at <= coalesce(CAST(%(until)s AS timestamptz), now())
    ORDER BY id DESC LIMIT 1))
WHERE id = ({CONVERSATION}) RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Listening:
    database: Database

    async def takes_part(self, chat: ChatRef) -> bool:
        return await self.database.row(TAKES_PART, place(chat)) is not None

    async def heard_until(self, chat: ChatRef) -> str:
        """The platform's id of what was taken in last here, deleted or not; empty for nothing."""
        found = await self.database.row(HEARD_UNTIL, place(chat))
        return found.id if found else ""

    async def be_quiet(self, chat: ChatRef, until: datetime | None) -> None:
        """What was asked until then is answered all the same."""
        await self.database.rows(BE_QUIET, {**place(chat), "until": until})
