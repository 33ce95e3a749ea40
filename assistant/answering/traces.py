"""Traces: what each attempt at a turn did, step by step, and of what its prompt was made.

An attempt notes moments in memory, which costs it nothing. Once a second what is new of all is
worked out and written in one statement. What a crash takes along is not recorded, and is shown so.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import psycopg
import structlog

from assistant.answering.prompt_parts import (
    Composed,
    Recipe,
    digest,
    recipe_of,
    recipe_written,
)
from assistant.answering.token_counts import TokenCounts
from assistant.answering.turns import ClaimedTurn
from assistant.errors import StorageUnavailable
from assistant.storage.database import Database
from assistant.storage.database_clock import DatabaseClock
from inference.api import Delta, EngineInfo

log = structlog.get_logger()

WRITE_SECONDS = 1.0
MOST = 10_000  # attempts that are held while the database is away; the oldest are lost then
STEPS = ("claimed", "built", "asked", "begun", "first_token", "last_token", "ended")

# A turn that was erased meanwhile has no trace any more.
WRITE = f"""
WITH given AS (
    SELECT * FROM jsonb_to_recordset(CAST(%(traces)s AS jsonb)) AS one
        (turn bigint, attempt int, profile text, model text, outcome text,
        {", ".join(f"{one} float8" for one in STEPS)},
        resumed int, prompt int, cached int, output int, context jsonb)
), told AS (
    INSERT INTO instructions (digest, text)
    SELECT key, value FROM jsonb_each_text(CAST(%(instructions)s AS jsonb)) ORDER BY key
    ON CONFLICT (digest) DO NOTHING
), kept AS (
    SELECT id FROM turns WHERE id IN (SELECT turn FROM given) FOR KEY SHARE
)
INSERT INTO traces (turn_id, attempt, profile, model, outcome,
    {", ".join(f"{one}_at" for one in STEPS)},
    resumed_tokens, prompt_tokens, cached_tokens, output_tokens, context)
SELECT turn, attempt, profile, model, outcome,
    {", ".join(f"to_timestamp({one})" for one in STEPS)},
    resumed, prompt, cached, output, context
FROM given JOIN kept ON kept.id = given.turn
ON CONFLICT (turn_id, attempt) DO UPDATE SET outcome = excluded.outcome,
    {", ".join(f"{one}_at = excluded.{one}_at" for one in STEPS)},
    resumed_tokens = excluded.resumed_tokens, prompt_tokens = excluded.prompt_tokens,
    cached_tokens = excluded.cached_tokens, output_tokens = excluded.output_tokens,
    context = excluded.context
"""


@dataclass(slots=True)
class AttemptTrace:
    """One attempt's steps, on the monotonic clock; None for what did not come, or not yet.

    `begun`: when the engine began with it, where the engine tells.
    """

    turn_id: int
    attempt: int
    profile: str
    model: str
    claimed: float
    monotonic: Callable[[], float] = time.monotonic
    built: float | None = None
    asked: float | None = None
    begun: float | None = None
    first_token: float | None = None
    last_token: float | None = None
    ended: float | None = None
    outcome: str = ""
    resumed_tokens: int = 0
    composed: Composed | None = None
    recipe: Recipe | None = None
    instructions: str = ""
    last: Delta = field(default_factory=lambda: Delta(""))
    written: int = 0  # how many of its steps are

    def note_prompt(self, composed: Composed) -> None:
        self.composed = composed

    def note_built(self) -> None:
        self.built = self.monotonic()

    def note_asked(self) -> None:
        self.asked = self.monotonic()

    def note(self, delta: Delta) -> None:
        """A piece of the answer came."""
        now = self.monotonic()
        if delta.resumed is not None:
            self.resumed_tokens = delta.resumed.prefix_tokens
        elif self.asked is not None and (delta.text or delta.token_ids):
            if self.first_token is None:
                self.first_token = now
                if delta.waited_seconds is not None and self.asked is not None:
                    self.begun = self.asked + delta.waited_seconds
            self.last_token = now
        self.last = delta

    def note_ended(self, outcome: str) -> None:
        self.outcome, self.ended = outcome, self.monotonic()

    @property
    def steps(self) -> int:
        return sum(getattr(self, name) is not None for name in STEPS)


@dataclass(slots=True)
class Traces:
    """Of one worker."""

    database: Database
    clock: DatabaseClock
    counts: TokenCounts
    monotonic: Callable[[], float] = time.monotonic
    _held: list[AttemptTrace] = field(default_factory=list, init=False)
    _told: set[str] = field(default_factory=set, init=False)  # instructions that stand in Postgres

    def begin(self, turn: ClaimedTurn, info: EngineInfo) -> AttemptTrace:
        """The worker just got this turn."""
        now = self.monotonic()
        trace = AttemptTrace(turn.id, turn.attempt, info.profile, info.model, now, self.monotonic)
        self._held.append(trace)
        del self._held[:-MOST]
        return trace

    async def run(self) -> None:
        """Write until cancelled. Whoever ends it writes once more, when all attempts are over."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            await self.write()

    async def write(self) -> None:
        """Write what is new. What the database can't take now is kept for the next time."""
        due = [(one, one.steps) for one in self._held if one.steps > one.written]
        if not due or self.clock.at(0.0) is None:
            return
        rows = [await self._row(one) for one, _ in due]
        told = {digest(one.instructions): one.instructions for one, _ in due if one.instructions}
        new = {name: text for name, text in told.items() if name not in self._told}
        values = {"traces": json.dumps(rows), "instructions": json.dumps(new)}
        try:
            await self.database.rows(WRITE, values)
        except StorageUnavailable:
            return
        except psycopg.Error as error:
            log.warning("traces_lost", attempts=len(rows), error=type(error).__name__)
        else:
            self._told |= new.keys()
        for one, steps in due:
            one.written = steps
        self._held = [one for one in self._held if one.ended is None or one.written < one.steps]

    async def _row(self, trace: AttemptTrace) -> Mapping[str, object]:
        at = {name: self._at(getattr(trace, name)) for name in STEPS}
        if trace.composed is not None:
            trace.instructions = trace.composed.opening.instructions
            trace.recipe = await recipe_of(trace.composed, self.counts.of)
            trace.composed = None
        return {
            "turn": trace.turn_id,
            "attempt": trace.attempt,
            "profile": trace.profile,
            "model": trace.model,
            "outcome": trace.outcome,
            **at,
            "resumed": trace.resumed_tokens,
            "prompt": trace.last.prompt_tokens,
            "cached": trace.last.cached_tokens,
            "output": trace.last.output_tokens,
            "context": None if trace.recipe is None else recipe_written(trace.recipe),
        }

    def _at(self, moment: float | None) -> float | None:
        return None if moment is None else self.clock.at(moment)
