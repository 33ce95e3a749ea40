"""Of what a prompt was made: its parts by their ids, with digests in place of texts.

A trace keeps these and no text, so that what is erased is erased. The texts stand where they always
did; put together anew, a part is shown only where its digest says that it is what the model was
given. Instructions alone, which are nobody's, are kept with their text (`instructions`).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import Any, Literal

from assistant.answering.frozen_prompt import messages_written
from inference.api import ChatMessage, Prompt

Kind = Literal["instructions", "memories", "earlier", "own"]
Count = Callable[[str], Awaitable[int | None]]


@dataclass(frozen=True, slots=True)
class Opening:
    """What the model is told before a conversation; empty before a stateless request."""

    instructions: str = ""
    memories: str = ""
    persona: str = ""
    language: str = ""

    @property
    def text(self) -> str:
        return self.instructions + self.memories


@dataclass(frozen=True, slots=True)
class Composed:
    """A prompt as it was just rendered. Cheap to make: the parts are worked out later.

    `exchanges` are the messages of each turn that is shown, by the turn's id; `message_ids` which
    they are.
    """

    prompt: Prompt
    turn_id: int
    exchanges: Mapping[int, Sequence[ChatMessage]]
    message_ids: Mapping[int, Sequence[int]]
    opening: Opening = field(default_factory=Opening)
    room: int = 0  # characters of what was said in a thread before
    images: Sequence[int] = ()
    left_out: int = 0  # earlier turns


@dataclass(frozen=True, slots=True)
class Part:
    """`tokens` None where the model's tokenizer isn't here. Of an earlier turn, `answer_tokens` are
    those of its answer among them."""

    kind: Kind
    digest: str
    characters: int
    tokens: int | None = None
    answer_tokens: int | None = None
    turn_id: int = 0
    messages: tuple[int, ...] = ()
    images: int = 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a trace keeps of a prompt. `tokens` of all together: what the parts don't have is the
    chat template's, and the tools'."""

    parts: tuple[Part, ...]
    tokens: int | None
    persona: str = ""
    language: str = ""
    room: int = 0
    images: tuple[int, ...] = ()
    left_out: int = 0

    @property
    def template_tokens(self) -> int | None:
        counts = [one.tokens for one in self.parts]
        if self.tokens is None or any(one is None for one in counts):
            return None
        return self.tokens - sum(one or 0 for one in counts)


async def recipe_of(composed: Composed, count: Count) -> Recipe:
    opening, parts = composed.opening, list[Part]()
    told: Sequence[tuple[Kind, str]] = (
        ("instructions", opening.instructions),
        ("memories", opening.memories),
    )
    for kind, text in told:
        if text:
            parts.append(Part(kind, digest(text), len(text), await count(text)))
    for turn_id, messages in composed.exchanges.items():
        parts.append(await _exchange(composed, turn_id, messages, count))
    ids = composed.prompt.token_ids
    return Recipe(
        tuple(parts),
        None if ids is None else len(ids),
        opening.persona,
        opening.language,
        composed.room,
        tuple(composed.images),
        composed.left_out,
    )


async def _exchange(
    composed: Composed, turn_id: int, messages: Sequence[ChatMessage], count: Count
) -> Part:
    own = turn_id == composed.turn_id
    counts = [await count(one.content) for one in messages]
    known = [one for one in counts if one is not None]
    answered = not own and bool(messages) and messages[-1].role == "assistant"
    return Part(
        "own" if own else "earlier",
        digest_of(messages),
        sum(len(one.content) for one in messages),
        sum(known) if len(known) == len(counts) else None,
        counts[-1] if answered else None,
        turn_id,
        tuple(composed.message_ids.get(turn_id, ())),
        sum(len(one.images) for one in messages),
    )


def digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


def digest_of(messages: Sequence[ChatMessage]) -> str:
    """Of the messages of one turn, as they stood in the prompt."""
    return digest(json.dumps(messages_written(Prompt(tuple(messages), None)), ensure_ascii=False))


def recipe_written(recipe: Recipe) -> dict[str, Any]:
    return asdict(recipe)


def recipe_read(written: Mapping[str, Any]) -> Recipe:
    given = dict(written)
    parts = tuple(Part(**{**one, "messages": tuple(one["messages"])}) for one in given.pop("parts"))
    return Recipe(parts=parts, **{**given, "images": tuple(given["images"])})
