"""Files that come after their message: it is stored without them, and its answer waits for them.

A platform that must be told "received" within seconds can't wait for a slow file. The turn then
stands `running` without an owner, as one that shall be tried again does, until the file is there or
its time is over: should whoever fetches it die, a worker answers without it. What does not wait,
since it had begun or another message had joined it, is answered again in place once the file is
there.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import psycopg

from assistant.answering.revisions import AGAIN, HOLDS, KNOWN, Revised, revised
from assistant.errors import StorageUnavailable
from assistant.files.attachments import values_of
from assistant.incoming.control import place
from assistant.messages import IncomingMessage
from assistant.storage.database import Database, row, rows

# Only a turn that nobody has tried: what an attempt still writes is fenced by its number.
WAIT = """
UPDATE turns SET state = 'running', first_in = NULL,
    lease_until = now() + make_interval(secs => %(seconds)s)
WHERE id = %(turn)s AND state = 'queued' AND attempt = 0 AND place IS NULL AND NOT EXISTS (
    SELECT FROM turns AS busy
    WHERE busy.conversation_id = turns.conversation_id AND busy.state = 'running')
RETURNING id
"""
# Each once: what is there already stays.
FILL = f"""
WITH filled AS (
    UPDATE attachments SET kind = given.kind, media_type = given.media_type,
        width = given.width, height = given.height, characters = given.characters,
        text = given.text, bytes = given.bytes
    FROM unnest(
        %(positions)s::int[], %(kinds)s::text[], %(names)s::text[], %(media_types)s::text[],
        %(widths)s::int[], %(heights)s::int[], %(characters)s::int[], %(texts)s::text[],
        %(bytes)s::bytea[])
        AS given (position, kind, name, media_type, width, height, characters, text, bytes)
    WHERE message_id = ({KNOWN}) AND attachments.position = given.position
        AND attachments.text IS NULL AND attachments.bytes IS NULL
        AND (given.text IS NOT NULL OR given.bytes IS NOT NULL)
    RETURNING attachments.id
)
SELECT turns.id, state, attempt, lease_owner IS NULL AS waits,
    EXISTS (SELECT FROM filled) AS filled
FROM turns JOIN turn_messages ON turn_id = turns.id
WHERE message_id = ({KNOWN}) AND superseded_by IS NULL ORDER BY turns.id DESC LIMIT 1
"""
# Into the queue, so that it is claimed at once; one waits there for its conversation at most.
GO_ON = """
UPDATE turns SET lease_until = now(), state = CASE WHEN EXISTS (
    SELECT FROM turns AS waiting WHERE waiting.conversation_id = turns.conversation_id
        AND waiting.state = 'queued' AND waiting.place IS NULL) THEN state ELSE 'queued' END
WHERE id = %(turn)s AND state = 'running' AND attempt = 0 AND lease_owner IS NULL
"""
THERE = f"""
SELECT FROM attachments WHERE message_id = ({KNOWN}) AND kind <> 'thread'
    AND (text IS NOT NULL OR bytes IS NOT NULL) LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class LateFiles:
    database: Database

    async def wait(self, turn_id: int, seconds: float) -> None:
        """Let nobody claim the turn for so long, unless it has begun. It is committed already:
        where this can't be done, it doesn't wait."""
        # Another turn of the conversation may begin in this moment
        with suppress(psycopg.IntegrityError, StorageUnavailable):
            await self.database.rows(WAIT, {"turn": turn_id, "seconds": seconds})

    async def are_there(self, message: IncomingMessage) -> bool:
        """Whether the message has a file that can be read: another replica may have brought it."""
        values = {**place(message.chat), "message": message.message_id}
        return await self.database.row(THERE, values) is not None

    async def bring(self, message: IncomingMessage) -> Revised:
        """What came of a message's files; its turn goes on, or is answered again with them."""
        values = {
            **place(message.chat),
            **values_of(message.attachments),
            "message": message.message_id,
        }
        async with self.database.transaction() as connection:
            for hold in HOLDS:
                await rows(connection, hold, values)
            turn = await row(connection, FILL, values)
            if turn is None:
                return Revised(None)
            if turn.state == "running" and turn.waits and turn.attempt == 0:
                await rows(connection, GO_ON, {"turn": turn.id})
                return Revised(turn.id)
            if not turn.filled or turn.state not in ("running", "done", "failed"):
                return Revised(None)
            return await revised(connection, AGAIN, {"turn": turn.id})
