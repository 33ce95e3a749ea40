"""Traces as JSON: what `/v1/admin/turns` answers with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from assistant.answering.prompt_parts import Part, Recipe
from assistant.insight.prompts import ShownPrompt
from assistant.insight.recent_turns import RecentTurn
from assistant.insight.steps import Step, timeline_of
from assistant.insight.trace import Trace
from assistant.messages import TurnState
from inference.api import ChatMessage


class ListedTurn(BaseModel):
    """Spans are in seconds since the question came; null for what did not happen, or not yet."""

    id: int
    conversation_id: int
    state: TurnState
    channel: str
    account: str
    person_id: int | None
    attempts: int
    output_tokens: int
    error_code: str
    created_at: datetime
    queued_seconds: float | None
    first_seconds: float | None
    seconds: float | None


class TurnPage(BaseModel):
    """`next` is the `before` of the page that follows; null at the end, and of the slowest."""

    data: list[ListedTurn]
    next: int | None


class TracedStep(BaseModel):
    """`begins_at` or `ends_at` null: not recorded. `number`: the attempt, the message or the part
    of the reply. `mark`: failed, unknown (how it ended) or open (it goes on)."""

    name: str
    begins_at: datetime | None
    ends_at: datetime | None
    number: int
    mark: Literal["", "failed", "unknown", "open"]
    facts: dict[str, str | int]


class PromptPart(BaseModel):
    kind: Literal["instructions", "memories", "earlier", "own"]
    turn_id: int
    characters: int
    tokens: int | None
    answer_tokens: int | None
    images: int


class Prompted(BaseModel):
    """`tokens` null where only the model's end counts them."""

    parts: list[PromptPart]
    tokens: int | None
    template_tokens: int | None
    persona: str
    left_out: int


class TracedTurn(BaseModel):
    id: int
    conversation_id: int
    state: TurnState
    created_at: datetime
    visible_at: datetime | None
    finished_at: datetime | None
    superseded_by: int | None
    replaces: int | None
    error_code: str
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    longest: str | None = Field(description="The step that took most of the time.")
    steps: list[TracedStep]
    prompt: Prompted | None
    replays: list[int]


class SpokenMessage(BaseModel):
    role: str
    content: str
    images: int


class PromptText(BaseModel):
    """`messages` of a part null: it was changed or erased since."""

    kind: Literal["instructions", "memories", "earlier", "own"]
    turn_id: int
    messages: list[SpokenMessage] | None


class Prompt(BaseModel):
    """`exact`: all of it is what the model was given."""

    turn_id: int
    exact: bool
    parts: list[PromptText]


class ReplayRequest(BaseModel, extra="forbid"):
    persona: str = Field("", max_length=64, description="Empty: as it was.")
    profile: str = Field("", max_length=200, description="Empty: whichever engine has room.")


class ReplayMade(BaseModel):
    id: int


class ReplayAnswer(BaseModel):
    id: int
    repeats: int
    persona: str
    profile: str
    state: TurnState
    text: str
    error: str
    prompt_tokens: int
    output_tokens: int


def listed(one: RecentTurn) -> ListedTurn:
    return ListedTurn(**{name: getattr(one, name) for name in ListedTurn.model_fields})


def traced(trace: Trace) -> TracedTurn:
    timeline, turn = timeline_of(trace), trace.turn
    own = {name: getattr(turn, name) for name in TracedTurn.model_fields if hasattr(turn, name)}
    return TracedTurn(
        **own,
        visible_at=timeline.visible_at,
        longest=timeline.longest.name if timeline.longest else None,
        steps=[_step(one) for one in timeline.steps],
        prompt=_prompted(trace.recipe),
        replays=[one.id for one in trace.replays],
    )


def _step(step: Step) -> TracedStep:
    return TracedStep(
        name=step.name,
        begins_at=step.begins,
        ends_at=step.ends,
        number=step.number,
        mark=step.mark,
        facts=dict(step.facts),
    )


def _prompted(recipe: Recipe | None) -> Prompted | None:
    if recipe is None:
        return None
    return Prompted(
        parts=[_part(one) for one in recipe.parts],
        tokens=recipe.tokens,
        template_tokens=recipe.template_tokens,
        persona=recipe.persona,
        left_out=recipe.left_out,
    )


def _part(part: Part) -> PromptPart:
    values = asdict(part)
    return PromptPart(**{name: values[name] for name in PromptPart.model_fields})


def texts(shown: ShownPrompt) -> list[PromptText]:
    return [
        PromptText(
            kind=one.part.kind,
            turn_id=one.part.turn_id,
            messages=None if one.messages is None else _spoken(one.messages),
        )
        for one in shown.parts
    ]


def _spoken(messages: Sequence[ChatMessage]) -> list[SpokenMessage]:
    return [
        SpokenMessage(role=one.role, content=one.content, images=len(one.images))
        for one in messages
    ]
