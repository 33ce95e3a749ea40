"""The history: what was said in a conversation before a turn, read for many turns at once.

Twenty turns that a worker claims together ask within the same moment: they are one statement.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from assistant.answering.canned import BLOCKED
from assistant.answering.personas import DEFAULT
from assistant.answering.turns import ClaimedTurn
from assistant.settings import AssistantSettings
from assistant.storage.database import Database

# Platforms number messages as they were written; after an outage they may come in another order.
# Where the ids are no numbers (the page's), what came first was written first.
HISTORY = f"""
SELECT asked.turn AS asked, recent.id AS turn_id, recent.state, recent.reply,
    conversations.kind, messages.id AS message_id, messages.role, messages.text,
    messages.tool_calls, messages.tool_call_id, coalesce(identities.name, '') AS sender, (
        SELECT jsonb_agg(jsonb_build_object(
            'id', id, 'kind', kind, 'name', name, 'media_type', media_type, 'width', width,
            'height', height, 'characters', characters, 'text', text, 'there', bytes IS NOT NULL)
            ORDER BY position)
        FROM attachments WHERE message_id = messages.id) AS files,
    coalesce(identities.language, '') AS language,
    -- For the system prompt; what a person had us remember reaches no group.
    CASE WHEN recent.id = asked.turn THEN (
        SELECT jsonb_build_object(
            'persona', chosen.persona,
            'personas', (SELECT jsonb_agg(jsonb_build_object(
                'name', name, 'number', number, 'title', title, 'prompt', prompt,
                'retired', retired_at IS NOT NULL))
                FROM personas JOIN persona_versions USING (name)
                WHERE name IN (chosen.persona, '{DEFAULT}') AND number = current),
            'language', persons.language,
            'memories', CASE conversations.kind WHEN 'private' THEN (
                SELECT jsonb_agg(memories.text ORDER BY memories.number) FROM memories
                WHERE memories.person_id = turns.person_id) END)
        FROM turns LEFT JOIN persons ON persons.id = turns.person_id
        CROSS JOIN LATERAL (SELECT coalesce(nullif(conversations.persona, ''), (
            SELECT nullif(persona, '') FROM conversations AS whole
            WHERE whole.account_id = conversations.account_id
                AND whole.chat_id = conversations.chat_id AND whole.thread_id = '*'),
            (SELECT persona FROM accounts WHERE id = conversations.account_id)) AS persona
        ) AS chosen
        WHERE turns.id = asked.turn) END AS about
FROM unnest(CAST(%(turns)s AS bigint[]), CAST(%(conversations)s AS bigint[]))
    AS asked (turn, conversation)
CROSS JOIN LATERAL (
    SELECT id, coalesce(place, id) AS place, state, reply FROM turns
    WHERE conversation_id = asked.conversation AND superseded_by IS NULL
        AND coalesce(place, id) <= (SELECT coalesce(place, id) FROM turns WHERE id = asked.turn)
        AND (id = asked.turn OR state IN ('done', 'stopped', 'failed')
            -- The model is told nothing of a blocked topic, nor that it was asked.
            AND finish_reason IS DISTINCT FROM '{BLOCKED}')
    ORDER BY coalesce(place, id) DESC LIMIT %(limit)s
) AS recent
JOIN turn_messages ON turn_messages.turn_id = recent.id
JOIN messages ON messages.id = turn_messages.message_id
JOIN conversations ON conversations.id = messages.conversation_id
LEFT JOIN identities ON identities.id = messages.identity_id
WHERE messages.deleted_at IS NULL
    AND (messages.id > conversations.starts_after OR recent.id = asked.turn)
ORDER BY asked.turn, recent.place,
    lpad(substring(messages.platform_message_id FROM '^[0-9.]+$'), 40, '0'), messages.id
"""


@dataclass(slots=True)
class History:
    database: Database
    settings: AssistantSettings
    _asked: dict[int, tuple[ClaimedTurn, asyncio.Future[list[Any]]]] = field(
        default_factory=dict, init=False
    )
    _reading: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    async def of(self, turn: ClaimedTurn) -> Sequence[Any]:
        """One row per message, oldest first, the turn's own last; a turn's rows carry its reply.
        The turn's own carry what the system prompt needs (`about`).

        Raises StorageUnavailable.
        """
        if turn.id not in self._asked:
            if not self._asked:
                reading = asyncio.create_task(self._read())
                self._reading.add(reading)
                reading.add_done_callback(self._reading.discard)
            self._asked[turn.id] = (turn, asyncio.get_running_loop().create_future())
        return await asyncio.shield(self._asked[turn.id][1])

    async def _read(self) -> None:
        await asyncio.sleep(0)  # who was claimed together has asked by then
        asked, self._asked = self._asked, {}
        values = {
            "turns": list(asked),
            "conversations": [turn.conversation_id for turn, _ in asked.values()],
            "limit": self.settings.history_turns + 1,
        }
        try:
            found: dict[int, list[Any]] = {turn_id: [] for turn_id in asked}
            for row in await self.database.rows(HISTORY, values):
                found[row.asked].append(row)
        except Exception as error:
            for _, future in asked.values():
                future.set_exception(error)
        else:
            for turn_id, (_, future) in asked.items():
                future.set_result(found[turn_id])
