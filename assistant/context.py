"""The context: what of a conversation becomes the prompt of a turn.

The system prompt, then earlier turns, newest kept first as far as they fit, then this turn's own
messages. A stateless request (public API) brings all of its messages; nothing is added or cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from assistant.database import Database
from assistant.settings import AssistantSettings
from assistant.turns import ClaimedTurn
from inference.api import ChatMessage, Engine, Prompt
from inference.errors import PromptTooLong

# Platforms number messages as they were written; after an outage they may come in another order.
# Where the ids are no numbers (the page's), what came first was written first.
HISTORY = text("""
WITH recent AS (
    SELECT id, coalesce(place, id) AS place, reply FROM turns
    WHERE conversation_id = :conversation AND superseded_by IS NULL
        AND coalesce(place, id) <= (SELECT coalesce(place, id) FROM turns WHERE id = :turn)
        AND (id = :turn OR state IN ('done', 'stopped', 'failed'))
    ORDER BY coalesce(place, id) DESC LIMIT :limit
)
SELECT recent.id AS turn_id, recent.reply, conversations.kind, messages.role, messages.text,
    coalesce(identities.name, '') AS sender
FROM recent
JOIN turn_messages ON turn_messages.turn_id = recent.id
JOIN messages ON messages.id = turn_messages.message_id
JOIN conversations ON conversations.id = messages.conversation_id
LEFT JOIN identities ON identities.id = messages.identity_id
WHERE messages.deleted_at IS NULL
    AND (messages.id > conversations.starts_after OR recent.id = :turn)
ORDER BY recent.place,
    lpad(substring(messages.platform_message_id FROM '^[0-9.]+$'), 40, '0'), messages.id
""")


@dataclass(frozen=True, slots=True)
class ContextBuilder:
    database: Database
    engine: Engine
    settings: AssistantSettings

    async def build(self, turn: ClaimedTurn) -> Prompt | None:
        """Render the prompt; None when all of the turn's messages were deleted meanwhile.

        Raises PromptTooLong when not even this turn alone fits.
        """
        rows = await self._rows(turn)
        if not any(row.turn_id == turn.id for row in rows):
            return None
        exchanges = _exchanges(rows, turn.id)
        stateless = turn.channel == "api"
        system = [] if stateless else [ChatMessage("system", self.settings.system_prompt)]
        while True:
            messages = merged([*system, *(one for exchange in exchanges for one in exchange)])
            try:
                return await self.engine.render(messages, turn.sampling.max_tokens)
            except PromptTooLong:
                if stateless or len(exchanges) == 1:
                    raise
                # The oldest quarter goes: few renderings, and the next turn needs none.
                exchanges = exchanges[max(1, len(exchanges) // 4) :]

    async def _rows(self, turn: ClaimedTurn) -> Sequence[Any]:
        values = {
            "conversation": turn.conversation_id,
            "turn": turn.id,
            "limit": self.settings.history_turns + 1,
        }
        async with self.database.connection() as connection:
            return (await connection.execute(HISTORY, values)).all()


def _exchanges(rows: Sequence[Any], turn_id: int) -> list[list[ChatMessage]]:
    """One list of messages per turn, oldest first; the turn to answer is the last."""
    exchanges: dict[int, list[ChatMessage]] = {}
    replies: dict[int, str] = {}
    for row in rows:
        spoken = f"{row.sender}: {row.text}" if row.kind == "group" else row.text
        exchanges.setdefault(row.turn_id, []).append(ChatMessage(row.role, spoken))
        replies[row.turn_id] = row.reply
    for one, reply in replies.items():
        if one != turn_id and reply:
            exchanges[one].append(ChatMessage("assistant", reply))
    return list(exchanges.values())


def merged(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Neighbours of one role become one message: chat templates want them to alternate."""
    result: list[ChatMessage] = []
    for message in messages:
        if result and result[-1].role == message.role:
            text_so_far = f"{result[-1].content}\n\n{message.content}"
            result[-1] = ChatMessage(message.role, text_so_far)
        else:
            result.append(message)
    return result
