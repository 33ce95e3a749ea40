"""Deliveries in the database: which replies are to be shown, by whom, and what was posted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from assistant.database import Database
from assistant.messages import ChatRef

# A conversation's replies are shown in order: the next begins when the one before is through.
CLAIM = text("""
WITH next AS (
    SELECT deliveries.turn_id FROM deliveries JOIN turns ON turns.id = deliveries.turn_id
    WHERE deliveries.state IN ('pending', 'active') AND account_id = ANY(:accounts)
        AND (deliveries.lease_until IS NULL OR deliveries.lease_until < now())
        AND NOT EXISTS (
            SELECT FROM deliveries AS open JOIN turns AS earlier ON earlier.id = open.turn_id
            WHERE earlier.conversation_id = turns.conversation_id AND open.turn_id < turns.id
                AND open.state IN ('pending', 'active'))
    ORDER BY deliveries.turn_id LIMIT :limit FOR UPDATE OF deliveries SKIP LOCKED
), claimed AS (
    UPDATE deliveries SET state = 'active', lease_owner = :owner,
        lease_until = now() + make_interval(secs => :lease_seconds)
    WHERE turn_id IN (SELECT turn_id FROM next) RETURNING turn_id, reply_to
)
SELECT claimed.turn_id, claimed.reply_to, accounts.channel, accounts.name, chat_id, thread_id, kind
FROM claimed JOIN turns ON turns.id = claimed.turn_id
JOIN conversations ON conversations.id = turns.conversation_id
JOIN accounts ON accounts.id = conversations.account_id ORDER BY claimed.turn_id
""")
RENEW = text("""
UPDATE deliveries SET lease_until = now() + make_interval(secs => :lease_seconds)
WHERE turn_id = ANY(:turns) AND lease_owner = :owner AND state = 'active' RETURNING turn_id
""")
POSTED = text("""
SELECT position, state, platform_message_id, final FROM delivery_intents
WHERE turn_id = :turn ORDER BY position
""")
INTEND = text("""
INSERT INTO delivery_intents (turn_id, position, state) VALUES (:turn, :position, 'sending')
ON CONFLICT (turn_id, position) DO UPDATE SET state = 'sending', updated_at = now()
""")
RECEIVED = text("""
WITH visible AS (
    UPDATE deliveries SET first_visible_at = coalesce(first_visible_at, now())
    WHERE turn_id = :turn
)
UPDATE delivery_intents SET state = :state, platform_message_id = :message, updated_at = now()
WHERE turn_id = :turn AND position = :position
""")
SHOWN = text("""
UPDATE delivery_intents SET shown_characters = :characters, final = :final, updated_at = now()
WHERE turn_id = :turn AND position = :position
""")
END = text("""
UPDATE deliveries SET state = :state, error = :error, lease_owner = NULL, lease_until = NULL,
    finished_at = now() WHERE turn_id = :turn AND lease_owner = :owner
""")
PUT_OFF = text("""
UPDATE deliveries SET lease_owner = NULL, lease_until = now() + make_interval(secs => :seconds),
    error = :error
WHERE turn_id = :turn AND lease_owner = :owner AND created_at > now() - interval '1 day'
RETURNING turn_id
""")
RELEASE = text(
    "UPDATE deliveries SET lease_until = NULL WHERE lease_owner = :owner AND state = 'active'"
)


@dataclass(frozen=True, slots=True)
class OpenDelivery:
    turn_id: int
    reply_to: str
    chat: ChatRef


@dataclass(frozen=True, slots=True)
class Deliveries:
    database: Database
    owner: str
    lease_seconds: float

    async def claim(self, accounts: Sequence[int], limit: int) -> list[OpenDelivery]:
        values = {"accounts": list(accounts), "limit": limit, **self._lease()}
        async with self.database.connection() as connection:
            rows = (await connection.execute(CLAIM, values)).all()
        return [OpenDelivery(row[0], row[1], ChatRef(*row[2:])) for row in rows]

    async def renew(self, turns: Sequence[int]) -> set[int]:
        """Prolong the leases of these turns; those that are still ours to deliver."""
        values = {"turns": list(turns), **self._lease()}
        async with self.database.connection() as connection:
            return set((await connection.execute(RENEW, values)).scalars())

    async def posted(self, turn_id: int) -> Mapping[int, str]:
        """Platform message ids by position, of what certainly stands on the platform."""
        async with self.database.connection() as connection:
            rows = (await connection.execute(POSTED, {"turn": turn_id})).all()
        return {row.position: row.platform_message_id for row in rows if row.platform_message_id}

    async def intend(self, turn_id: int, position: int) -> None:
        """Say before a post that it is about to be sent."""
        await self._write(INTEND, turn=turn_id, position=position)

    async def received(self, turn_id: int, position: int, message_id: str) -> None:
        await self._write(
            RECEIVED, turn=turn_id, position=position, state="sent", message=message_id
        )

    async def unanswered(self, turn_id: int, position: int, state: str) -> None:
        """The post brought no message id: `unknown` whether it took effect, or `failed`."""
        await self._write(RECEIVED, turn=turn_id, position=position, state=state, message="")

    async def shown(self, turn_id: int, position: int, characters: int, final: bool) -> None:
        await self._write(
            SHOWN, turn=turn_id, position=position, characters=characters, final=final
        )

    async def end(self, turn_id: int, state: str, error: str = "") -> None:
        await self._write(END, turn=turn_id, state=state, error=error, owner=self.owner)

    async def put_off(self, turn_id: int, seconds: float, error: str) -> bool:
        """Try again after so many seconds; False for a reply that is a day old."""
        values = {"turn": turn_id, "seconds": seconds, "error": error, "owner": self.owner}
        async with self.database.connection() as connection:
            return (await connection.execute(PUT_OFF, values)).first() is not None

    async def release(self) -> None:
        """Let another replica go on at once (at shutdown)."""
        await self._write(RELEASE, owner=self.owner)

    def _lease(self) -> dict[str, object]:
        return {"owner": self.owner, "lease_seconds": self.lease_seconds}

    async def _write(self, statement: object, **values: object) -> None:
        async with self.database.connection() as connection:
            await connection.execute(statement, values)  # type: ignore[call-overload]
