"""Deliveries in the database: which replies are to be shown, by whom, and what was done for it.

Each call to a platform is an intent: a row that says `sending` before the call and how it ended
after. A delivery is held by a lease; its attempt number fences what a former driver still wants
to begin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import psycopg

from assistant.errors import DeliveryLost
from assistant.messages import ChatRef
from assistant.storage.database import Database

IntentKind = Literal["placeholder", "overflow", "edit", "final", "removal"]
IntentState = Literal["sending", "sent", "unknown", "failed"]

# A conversation's replies are shown in order: the next begins when the one before is through. One
# that replaces an earlier answer has that one's place.
CLAIM = """
WITH next AS (
    SELECT turn_id FROM deliveries
    WHERE state IN ('pending', 'active', 'removing') AND account_id = ANY(%(accounts)s)
        AND (lease_until IS NULL OR lease_until < now())
        AND NOT EXISTS (
            SELECT FROM deliveries AS earlier
            WHERE earlier.conversation_id = deliveries.conversation_id
                AND earlier.turn_id <> deliveries.turn_id
                AND earlier.state IN ('pending', 'active', 'removing')
                AND coalesce((SELECT place FROM turns WHERE id = earlier.turn_id), earlier.turn_id)
                    < coalesce((SELECT place FROM turns WHERE id = deliveries.turn_id),
                        deliveries.turn_id)
            -- Asked by index for each: joined, with old statistics, a backlog is its square.
            OFFSET 0)
        AND NOT (%(begun)s AND EXISTS (
            SELECT FROM turns WHERE id = deliveries.turn_id AND turns.state = 'queued' OFFSET 0))
    ORDER BY turn_id LIMIT %(limit)s FOR UPDATE OF deliveries SKIP LOCKED
), claimed AS (
    UPDATE deliveries SET attempt = attempt + 1, lease_owner = %(owner)s,
        state = CASE state WHEN 'removing' THEN state ELSE 'active' END,
        lease_until = now() + make_interval(secs => %(lease_seconds)s)
    WHERE turn_id IN (SELECT turn_id FROM next)
    RETURNING turn_id, attempt, state, reply_to
)
SELECT claimed.*, coalesce(turns.place, turns.id) AS place,
    channel, accounts.name AS account, chat_id, thread_id, kind, coalesce((
        SELECT coalesce(persons.language, identities.language) FROM persons
        JOIN identities ON identities.person_id = persons.id
        WHERE persons.id = turns.person_id AND identities.account_id = accounts.id
        LIMIT 1), '') AS language, coalesce((
        SELECT platform_id FROM identities
        WHERE person_id = turns.person_id AND identities.account_id = accounts.id
        LIMIT 1), '') AS asker
FROM claimed JOIN turns ON turns.id = claimed.turn_id
JOIN conversations ON conversations.id = turns.conversation_id
JOIN accounts ON accounts.id = conversations.account_id ORDER BY claimed.turn_id
"""
# The lock is for a turn that is replaced in this moment: it knows of the call, or there is none.
BEGIN = """
INSERT INTO delivery_intents (turn_id, position, kind)
SELECT turn_id, %(position)s, %(kind)s FROM deliveries
WHERE turn_id = %(turn)s AND attempt = %(attempt)s AND state IN ('active', 'removing') FOR SHARE
RETURNING id
"""
CLOSE = """
WITH before AS (
    SELECT state FROM delivery_intents WHERE id = %(intent)s
), visible AS (
    UPDATE deliveries SET first_visible_at = coalesce(first_visible_at, now())
    WHERE turn_id = %(turn)s AND %(state)s = 'sent' AND first_visible_at IS NULL
), uncertain AS (
    UPDATE deliveries SET placeholders_left = placeholders_left + 1
    WHERE turn_id = %(turn)s AND %(state)s = 'unknown'
), removed AS (
    -- Nothing of this reply stands there any more: what comes in its place is posted.
    UPDATE delivery_intents SET state = 'failed', error = 'removed'
    WHERE turn_id = %(turn)s AND kind IN ('placeholder', 'overflow') AND state = 'sent'
        AND platform_message_id = %(message)s AND %(state)s = 'sent'
        AND (SELECT kind FROM delivery_intents WHERE id = %(intent)s) = 'removal'
)
UPDATE delivery_intents SET state = %(state)s, platform_message_id = %(message)s, error = %(error)s,
    characters = %(characters)s, ended_at = now()
WHERE id = %(intent)s RETURNING (SELECT state FROM before) AS before,
    (SELECT attempt <> %(attempt)s FROM deliveries WHERE turn_id = %(turn)s) AS late
"""
# A call that came after another took over. An edit may stand where the whole answer stood: that is
# shown once more. A post that was looked for in vain stands there now, empty, beside the other.
LATE = """
WITH late AS (
    SELECT id, kind IN ('placeholder', 'overflow') AS posted FROM delivery_intents
    WHERE id = %(intent)s AND (kind IN ('edit', 'final')
        OR kind <> 'removal' AND coalesce(CAST(%(before)s AS text), state) = 'failed')
), marked AS (
    UPDATE delivery_intents SET state = 'unknown', error = 'late' FROM late
    WHERE delivery_intents.id = late.id
)
UPDATE deliveries SET placeholders_left = placeholders_left + posted::int,
    state = CASE WHEN state = 'done' AND NOT posted THEN 'active' ELSE state END,
    created_at = CASE WHEN state = 'done' AND NOT posted THEN now() ELSE created_at END,
    lease_until = CASE WHEN state = 'done' THEN NULL ELSE lease_until END
FROM late WHERE turn_id = (
    -- It may have been replaced more than once meanwhile.
    SELECT newest.id FROM turns AS this JOIN turns AS newest
        ON newest.conversation_id = this.conversation_id
        AND coalesce(newest.place, newest.id) = coalesce(this.place, this.id)
    WHERE this.id = %(turn)s AND newest.superseded_by IS NULL)
"""
# What was being posted for a turn in the moment in which it was replaced is known by that one; each
# that replaced it since has that post as one that is begun. `told`: not by this turn's own row.
POSTS = """
SELECT id, position, platform_message_id = '' AS told,
    coalesce(nullif(platform_message_id, ''), (
        SELECT CASE former.state WHEN 'sent' THEN former.platform_message_id END
        FROM turns AS this JOIN turns
            ON turns.conversation_id = this.conversation_id
            AND coalesce(turns.place, turns.id) = coalesce(this.place, this.id)
        JOIN delivery_intents AS former ON former.turn_id = turns.id
        WHERE this.id = %(turn)s AND turns.id < this.id AND former.state <> 'sending'
            AND former.position = delivery_intents.position AND former.kind = delivery_intents.kind
            -- What this turn knew by itself, and took away, is not what it is posting.
            AND NOT EXISTS (
                SELECT FROM delivery_intents AS own
                WHERE own.turn_id = this.id AND own.platform_message_id <> ''
                    AND own.platform_message_id = former.platform_message_id)
        ORDER BY former.id DESC LIMIT 1), '') AS message_id
FROM delivery_intents
WHERE turn_id = %(turn)s AND kind IN ('placeholder', 'overflow')
    AND state IN ('sent', 'sending') ORDER BY id
"""
EDITED = """
SELECT DISTINCT position FROM delivery_intents
WHERE turn_id = %(turn)s AND kind IN ('edit', 'final') AND state = 'sent'
"""
END = """
UPDATE deliveries SET state = %(state)s, error = %(error)s, lease_owner = NULL, lease_until = NULL,
    finished_at = now() WHERE turn_id = %(turn)s AND attempt = %(attempt)s
"""
PUT_OFF = """
UPDATE deliveries SET lease_owner = NULL, lease_until = now() + make_interval(secs => %(seconds)s),
    error = %(error)s
WHERE turn_id = %(turn)s AND attempt = %(attempt)s AND created_at > now() - interval '1 day'
RETURNING turn_id
"""
RELEASE = """
UPDATE deliveries SET lease_until = NULL, lease_owner = NULL
WHERE lease_owner = %(owner)s AND state IN ('active', 'removing')
"""
# A button was pressed under a message whose post had an unknown end: now its id is known.
UNCOVER = """
WITH lost AS (
    SELECT id, kind FROM delivery_intents WHERE turn_id = %(turn)s AND state = 'unknown'
        AND (kind IN ('placeholder', 'overflow')
            -- Pressed again: it could not be removed.
            OR kind = 'removal' AND platform_message_id = %(message)s)
        AND NOT EXISTS (
            SELECT FROM delivery_intents AS known
            WHERE known.turn_id = %(turn)s AND known.platform_message_id = %(message)s
                AND known.kind <> 'removal')
    ORDER BY kind = 'removal' DESC, id LIMIT 1
), counted AS (
    UPDATE deliveries SET placeholders_left = greatest(placeholders_left - 1, 0)
    WHERE turn_id = %(turn)s AND EXISTS (SELECT FROM lost WHERE kind <> 'removal')
)
UPDATE delivery_intents SET kind = 'removal', platform_message_id = %(message)s
WHERE id = (SELECT id FROM lost) RETURNING id
"""


@dataclass(frozen=True, slots=True)
class OpenDelivery:
    """One claim of a delivery. `place` names the reply in the conversation: a turn that replaces
    another shows its reply in the other's messages."""

    turn_id: int
    attempt: int
    place: int
    reply_to: str
    removing: bool
    chat: ChatRef
    language: str = ""  # of who asked
    asker: str = ""  # the platform's id of who asked

    @property
    def replaces(self) -> bool:
        return self.place != self.turn_id

    def key(self, position: int) -> str:
        """What a post carries where the platform keeps it, so that it can be found again."""
        return f"{self.place}.{position}"


@dataclass(frozen=True, slots=True)
class Post:
    """A post that was made or begun: `message_id` is empty while its outcome isn't known. `told`:
    by a turn that this one replaced, and not written down here yet."""

    intent: int
    position: int
    message_id: str
    told: bool = False


@dataclass(frozen=True, slots=True)
class Deliveries:
    database: Database
    owner: str
    lease_seconds: float

    async def claim(
        self, accounts: Sequence[int], limit: int, *, begun: bool = False
    ) -> list[OpenDelivery]:
        """`begun`: only of turns that don't wait any more."""
        values = {
            "begun": begun,
            "accounts": list(accounts),
            "limit": limit,
            "owner": self.owner,
            "lease_seconds": self.lease_seconds,
        }
        return [_open(row) for row in await self._rows(CLAIM, **values)]

    async def posts(self, turn_id: int) -> Sequence[Post]:
        """What was posted, and what was begun and not closed, in this order."""
        rows = await self._rows(POSTS, turn=turn_id)
        return [
            Post(row.id, row.position, row.message_id, row.told and row.message_id != "")
            for row in rows
        ]

    async def begin(self, one: OpenDelivery, position: int, kind: IntentKind) -> int:
        """Say before a call that it is about to be made; returns the intent's id.

        Raises DeliveryLost: another drives this delivery now, call nothing.
        """
        values = {"turn": one.turn_id, "attempt": one.attempt, "position": position, "kind": kind}
        try:
            rows = await self._rows(BEGIN, **values)
        except psycopg.IntegrityError as error:
            raise DeliveryLost("The reply was just erased.") from error
        if not rows:
            raise DeliveryLost("Another replica delivers this reply now.")
        return int(rows[0].id)

    async def close(
        self,
        one: OpenDelivery,
        intent: int,
        state: IntentState,
        *,
        message_id: str = "",
        characters: int = 0,
        error: str = "",
    ) -> None:
        """How a call ended: a fact, whoever drives the delivery by now."""
        rows = await self._rows(
            CLOSE,
            turn=one.turn_id,
            attempt=one.attempt,
            intent=intent,
            state=state,
            message=message_id,
            characters=characters,
            error=error,
        )
        if rows and rows[0].late and state == "sent":  # no rows: erased meanwhile
            await self.late(one, intent, rows[0].before)

    async def edited(self, turn_id: int) -> set[int]:
        """Positions at which a message was edited."""
        return {row.position for row in await self._rows(EDITED, turn=turn_id)}

    async def late(self, one: OpenDelivery, intent: int, before: str | None = None) -> None:
        """This call was made, or may have been, after another took over. `before`: the intent's
        state before it was closed, if it was."""
        await self._rows(LATE, turn=one.turn_id, intent=intent, before=before)

    async def end(self, one: OpenDelivery, state: str, error: str = "") -> None:
        await self._rows(END, turn=one.turn_id, attempt=one.attempt, state=state, error=error)

    async def put_off(self, one: OpenDelivery, seconds: float, error: str) -> bool:
        """Try again after so many seconds; False for what became due a day ago."""
        values = {"turn": one.turn_id, "attempt": one.attempt, "seconds": seconds, "error": error}
        return bool(await self._rows(PUT_OFF, **values))

    async def release(self) -> None:
        """Let another replica go on at once (at shutdown)."""
        await self._rows(RELEASE, owner=self.owner)

    async def uncover(self, turn_id: int, message_id: str) -> bool:
        """Whether this message is an empty placeholder that was lost, and shall be removed."""
        return bool(await self._rows(UNCOVER, turn=turn_id, message=message_id))

    async def _rows(self, statement: str, **values: object) -> Sequence[Any]:
        return await self.database.rows(statement, values)


def _open(row: Any) -> OpenDelivery:
    return OpenDelivery(
        turn_id=row.turn_id,
        attempt=row.attempt,
        place=row.place,
        reply_to=row.reply_to,
        removing=row.state == "removing",
        chat=ChatRef(row.channel, row.account, row.chat_id, row.thread_id, row.kind),
        language=row.language,
        asker=row.asker,
    )
