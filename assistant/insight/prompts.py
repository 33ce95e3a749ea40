"""The prompt that a turn was answered from, put together again from where its parts stand.

Each part is held against the digest that was recorded as the model was asked. What was edited,
deleted or erased since is not there any more, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.answering.context import exchanges, merged
from assistant.answering.prompt_parts import Part, Recipe, digest, digest_of
from assistant.answering.system_prompt import system_prompt
from assistant.files.shown_files import ShownFiles
from assistant.insight.trace import Trace
from assistant.settings import AssistantSettings
from assistant.storage.database import Database
from inference.api import ChatMessage, Image, Prompt

TEXTS = """
SELECT asked.turn AS turn_id, turns.state, turns.reply, conversations.kind,
    messages.id AS message_id, messages.role, messages.text, messages.tool_calls,
    messages.tool_call_id, coalesce(identities.name, '') AS sender, (
        SELECT jsonb_agg(jsonb_build_object(
            'id', id, 'kind', kind, 'name', name, 'media_type', media_type, 'width', width,
            'height', height, 'characters', characters, 'text', text, 'there', bytes IS NOT NULL)
            ORDER BY position)
        FROM attachments WHERE message_id = messages.id) AS files
FROM unnest(CAST(%(turns)s AS bigint[]), CAST(%(messages)s AS bigint[]))
    WITH ORDINALITY AS asked (turn, message, place)
JOIN turns ON turns.id = asked.turn AND turns.conversation_id = %(conversation)s
JOIN messages ON messages.id = asked.message AND messages.deleted_at IS NULL
JOIN conversations ON conversations.id = messages.conversation_id
LEFT JOIN identities ON identities.id = messages.identity_id
ORDER BY asked.place
"""
INSTRUCTIONS = "SELECT text FROM instructions WHERE digest = %(digest)s"
MEMORIES = """
SELECT memories.text FROM turns JOIN memories ON memories.person_id = turns.person_id
WHERE turns.id = %(turn)s ORDER BY number
"""


@dataclass(frozen=True, slots=True)
class ShownPart:
    """`messages` None: it was changed since, and is not there any more."""

    part: Part
    messages: tuple[ChatMessage, ...] | None


@dataclass(frozen=True, slots=True)
class ShownPrompt:
    recipe: Recipe
    parts: tuple[ShownPart, ...]

    @property
    def exact(self) -> bool:
        """Whether all of it is what the model was given."""
        return all(one.messages is not None for one in self.parts)

    @property
    def messages(self) -> tuple[ChatMessage, ...]:
        """As the model was given them, of what is still there."""
        opening = self._opening()
        spoken = [
            message
            for one in self.parts
            if one.part.kind in ("earlier", "own")
            for message in one.messages or ()
        ]
        return tuple(merged([*opening, *spoken]))

    def instead(self, instructions: str) -> tuple[ChatMessage, ...]:
        """The same under other instructions."""
        told = instructions + self._text("memories")
        spoken = [one for one in self.messages if one.role != "system"]
        return tuple([ChatMessage("system", told), *spoken] if told else spoken)

    def _opening(self) -> list[ChatMessage]:
        told = self._text("instructions") + self._text("memories")
        return [ChatMessage("system", told)] if told else []

    def _text(self, kind: str) -> str:
        found = [one.messages for one in self.parts if one.part.kind == kind and one.messages]
        return found[0][0].content if found else ""


@dataclass(frozen=True, slots=True)
class Prompts:
    database: Database
    settings: AssistantSettings

    async def of(self, trace: Trace) -> ShownPrompt | None:
        """None where it isn't recorded. Raises StorageUnavailable."""
        recipe = trace.recipe
        if recipe is None:
            return None
        told = await self._instructions(recipe)
        remembered = await self._memories(trace.turn.id, told)
        spoken = await self._spoken(trace, recipe)
        shown = [_shown(one, told, remembered, spoken) for one in recipe.parts]
        return ShownPrompt(recipe, tuple(shown))

    async def with_images(self, messages: Sequence[ChatMessage]) -> tuple[ChatMessage, ...]:
        """The messages with the content of their images, as far as it is still there."""
        prompt = Prompt(tuple(messages), None)
        return (await ShownFiles(self.database).restored(prompt)).messages

    async def _instructions(self, recipe: Recipe) -> str:
        known = [one.digest for one in recipe.parts if one.kind == "instructions"]
        if not known:
            return ""
        row = await self.database.row(INSTRUCTIONS, {"digest": known[0]})
        return "" if row is None else str(row.text)

    async def _memories(self, turn_id: int, told: str) -> str:
        rows = await self.database.rows(MEMORIES, {"turn": turn_id})
        about = {"memories": [row.text for row in rows]}
        return system_prompt(told, "", about).removeprefix(told)

    async def _spoken(self, trace: Trace, recipe: Recipe) -> Mapping[int, Sequence[ChatMessage]]:
        asked = [(one.turn_id, message) for one in recipe.parts for message in one.messages]
        values = {
            "turns": [turn for turn, _ in asked],
            "messages": [message for _, message in asked],
            "conversation": trace.turn.conversation_id,
        }
        rows = await self.database.rows(TEXTS, values)
        return exchanges(rows, trace.turn.id, _images(rows, recipe.images), recipe.room)


def _shown(
    part: Part, told: str, remembered: str, spoken: Mapping[int, Sequence[ChatMessage]]
) -> ShownPart:
    if part.kind in ("instructions", "memories"):
        text = told if part.kind == "instructions" else remembered
        same = digest(text) == part.digest
        return ShownPart(part, (ChatMessage("system", text),) if same else None)
    messages = tuple(spoken.get(part.turn_id, ()))
    return ShownPart(part, messages if digest_of(messages) == part.digest else None)


def _images(rows: Sequence[Any], shown: Sequence[int]) -> dict[int, Image]:
    """Of the files that the prompt showed as images: what they are, without their content."""
    files = [file for row in rows for file in row.files or () if file["id"] in shown]
    return {
        file["id"]: Image(file["media_type"], b"", file["width"], file["height"], file["id"])
        for file in files
        if file["there"]
    }
