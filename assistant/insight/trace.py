"""The trace of a turn: all that was recorded of it, from the platform's event to the last receipt.

What is not recorded is None here and is shown so; nothing is filled in from something near it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, TypeVar

from assistant.answering.prompt_parts import Recipe, recipe_read
from assistant.messages import TurnState
from assistant.storage.database import Database, row, rows

TURN = """
SELECT turns.id, turns.conversation_id, turns.state, channel, accounts.name AS account,
    conversations.chat_id, conversations.thread_id, conversations.kind, turns.person_id,
    coalesce(persons.name, '') AS person, turns.created_at, turns.started_at, turns.shown_at,
    turns.finished_at, turns.attempt, turns.error_code, turns.error, turns.superseded_by,
    (SELECT max(former.id) FROM turns AS former WHERE former.superseded_by = turns.id) AS replaces,
    turns.prompt_tokens, turns.cached_tokens, turns.output_tokens,
    coalesce(turns.finish_reason, '') AS finish_reason, char_length(turns.reply) AS characters,
    turns.stop_requested, turns.sampling, coalesce(turns.persona, '') AS persona,
    turns.persona_version, now() AS read_at
FROM turns JOIN conversations ON conversations.id = turns.conversation_id
JOIN accounts ON accounts.id = conversations.account_id
LEFT JOIN persons ON persons.id = turns.person_id
WHERE turns.id = %(turn)s
"""
MESSAGES = """
SELECT messages.id, platform_message_id, created_at, edited_at, deleted_at,
    received_at, committed_at, dispatched_at, acknowledged_at
FROM turn_messages JOIN messages ON messages.id = turn_messages.message_id
LEFT JOIN arrivals ON arrivals.message_id = messages.id
WHERE turn_id = %(turn)s ORDER BY messages.id LIMIT %(limit)s
"""
ATTEMPTS = """
SELECT attempts.number, attempts.worker, attempts.started_at, attempts.ended_at AS closed_at,
    attempts.error, traces.turn_id IS NOT NULL AS recorded, coalesce(profile, '') AS profile,
    coalesce(model, '') AS model, claimed_at, built_at, asked_at, begun_at, first_token_at,
    last_token_at, traces.ended_at, coalesce(outcome, '') AS outcome,
    coalesce(resumed_tokens, 0) AS resumed_tokens, coalesce(prompt_tokens, 0) AS prompt_tokens,
    coalesce(cached_tokens, 0) AS cached_tokens, coalesce(output_tokens, 0) AS output_tokens,
    context
FROM attempts LEFT JOIN traces ON traces.turn_id = attempts.turn_id
    AND traces.attempt = attempts.number
WHERE attempts.turn_id = %(turn)s ORDER BY attempts.number DESC LIMIT %(limit)s
"""
DELIVERY = """
SELECT state, attempt, error, placeholders_left, created_at, first_visible_at, finished_at
FROM deliveries WHERE turn_id = %(turn)s
"""
# The first and the last: between them an answer of an hour may have thousands of edits.
CALLS = """
(SELECT id, position, kind, state, platform_message_id AS message_id, characters, error,
    created_at AS began_at, ended_at
FROM delivery_intents WHERE turn_id = %(turn)s ORDER BY turn_id, position, id LIMIT %(limit)s)
UNION
(SELECT id, position, kind, state, platform_message_id, characters, error, created_at, ended_at
FROM delivery_intents WHERE turn_id = %(turn)s
ORDER BY turn_id DESC, position DESC, id DESC LIMIT %(limit)s)
ORDER BY id
"""
EXPERIMENTS = """
SELECT turns.id, experiments.persona, coalesce(profile, '') AS profile, asked_by,
    experiments.created_at, state
FROM experiments JOIN turns ON turns.id = experiments.turn_id
WHERE repeats = %(turn)s ORDER BY turns.id DESC LIMIT %(limit)s
"""
MOST = 100  # of each

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TracedTurn:
    id: int
    conversation_id: int
    state: TurnState
    channel: str
    account: str
    chat_id: str
    thread_id: str
    kind: str
    person_id: int | None
    person: str
    created_at: datetime
    started_at: datetime | None
    shown_at: datetime | None
    finished_at: datetime | None
    attempt: int
    error_code: str
    error: str
    superseded_by: int | None
    replaces: int | None
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    finish_reason: str
    characters: int
    stop_requested: bool
    sampling: Mapping[str, Any]
    persona: str
    persona_version: int | None
    read_at: datetime

    @property
    def over(self) -> bool:
        return self.state not in ("queued", "running")


@dataclass(frozen=True, slots=True)
class TracedMessage:
    """A message that the turn answers. The last four are its arrival's, where that was recorded."""

    id: int
    platform_message_id: str
    created_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None
    received_at: datetime | None
    committed_at: datetime | None
    dispatched_at: datetime | None
    acknowledged_at: datetime | None


@dataclass(frozen=True, slots=True)
class TracedAttempt:
    """`recorded`: whether its steps are. `started_at` and `closed_at` stand in any case, but an
    attempt whose worker died was never closed."""

    number: int
    worker: str
    started_at: datetime
    closed_at: datetime | None
    error: str
    recorded: bool
    profile: str
    model: str
    claimed_at: datetime | None
    built_at: datetime | None
    asked_at: datetime | None
    begun_at: datetime | None
    first_token_at: datetime | None
    last_token_at: datetime | None
    ended_at: datetime | None
    outcome: str
    resumed_tokens: int
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    recipe: Recipe | None = None


@dataclass(frozen=True, slots=True)
class TracedDelivery:
    """`attempt` counts the gateways' claims of it."""

    state: str
    attempt: int
    error: str
    placeholders_left: int
    created_at: datetime
    first_visible_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class PlatformCall:
    """One call to the platform; `message_id` is its receipt. `ended_at` None: nobody knows."""

    id: int
    position: int
    kind: str
    state: str
    message_id: str
    characters: int
    error: str
    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Replay:
    """An experiment that asked this turn's prompt again."""

    id: int
    persona: str
    profile: str
    asked_by: str
    created_at: datetime
    state: TurnState


@dataclass(frozen=True, slots=True)
class Trace:
    turn: TracedTurn
    messages: Sequence[TracedMessage]
    attempts: Sequence[TracedAttempt]
    delivery: TracedDelivery | None
    calls: Sequence[PlatformCall]
    replays: Sequence[Replay]

    @property
    def recipe(self) -> Recipe | None:
        """Of the last attempt that built a prompt; those after it went on from the same."""
        known = [one.recipe for one in self.attempts if one.recipe is not None]
        return known[-1] if known else None


@dataclass(frozen=True, slots=True)
class TraceReader:
    database: Database

    async def of(self, turn_id: int) -> Trace | None:
        """None for no such turn. Raises StorageUnavailable."""
        values = {"turn": turn_id, "limit": MOST}
        async with self.database.transaction() as connection:
            turn = await row(connection, TURN, values)
            if turn is None:
                return None
            attempts = await rows(connection, ATTEMPTS, values)
            delivery = await row(connection, DELIVERY, values)
            return Trace(
                _made(TracedTurn, turn),
                [_made(TracedMessage, one) for one in await rows(connection, MESSAGES, values)],
                [_attempt(one) for one in reversed(attempts)],
                None if delivery is None else _made(TracedDelivery, delivery),
                [_made(PlatformCall, one) for one in await rows(connection, CALLS, values)],
                [_made(Replay, one) for one in await rows(connection, EXPERIMENTS, values)],
            )


def _attempt(found: Any) -> TracedAttempt:
    recipe = None if found.context is None else recipe_read(found.context)
    return replace(_made(TracedAttempt, found, but=("recipe",)), recipe=recipe)


def _made(kind: type[T], found: Any, but: Sequence[str] = ()) -> T:
    names = [one.name for one in fields(kind) if one.name not in but]  # type: ignore[arg-type]
    return kind(**{name: getattr(found, name) for name in names})
