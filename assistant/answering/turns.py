"""Turns in the database: claim, checkpoint, finish. Every write is fenced by the attempt.

A turn that is running carries a lease on the database's clock (`heartbeat.py` renews it). Whoever
finds the lease expired takes the turn over with the next attempt number; the former worker's
writes then match no row. A turn that shall be tried again later stays `running` without an owner
until its lease is due, so that the conversation's order holds. A turn that starts again with a
further message is `queued` once more, and its next attempt has the next number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import psycopg
import structlog

from assistant.answering.frozen_prompt import (
    calls_read,
    calls_written,
    messages_written,
    prompt_read,
)
from assistant.messages import FINAL_STATES, ChatRef, TurnState
from assistant.storage.database import Database
from inference.api import BEGUN_ANEW, Prompt, Sampling, TokenLogprob, ToolCall, sampling_read

log = structlog.get_logger()

# For so long a new turn is left to the worker that has its conversation in its cache.
LEAVE_SECONDS = 0.2

UNREACHED = (1 << 31) - 1  # characters: no reply is longer
# As `Sampling.resumable` has it, in what `sampling_written` wrote.
_GOES_ON = f"""fingerprint = %(fingerprint)s AND NOT sampling ?| ARRAY{list(BEGUN_ANEW)}
        AND (NOT sampling ? 'tools' OR coalesce(sampling ->> 'tool_choice', '') = 'none')"""
_CLAIMED = f"""
    SET state = 'running', attempt = attempt + 1, lease_owner = %(worker)s,
        worker = %(worker)s, lease_until = now() + make_interval(secs => %(lease_seconds)s),
        started_at = coalesce(started_at, now()), first_in = NULL,
        -- Only the same model can go on from these tokens; any other begins anew. What begins anew
        -- leaves nothing: readers would take it for the new attempt's text.
        reply = CASE WHEN {_GOES_ON} AND (%(by_text)s OR reply_token_ids <> '{{}}')
            THEN reply ELSE '' END,
        reply_token_ids = CASE WHEN {_GOES_ON} THEN reply_token_ids ELSE '{{}}' END,
        prompt_messages = CASE WHEN fingerprint = %(fingerprint)s THEN prompt_messages END,
        prompt_token_ids = CASE WHEN fingerprint = %(fingerprint)s THEN prompt_token_ids END
"""
_CLAIM_RESULT = """
    RETURNING id, due_at, conversation_id, attempt, failures, sampling, stop_requested,
        prompt_messages, prompt_token_ids, reply, reply_token_ids, priority,
        extract(epoch FROM deadline_at - now())::float8 AS seconds_left
), attempt AS (
    INSERT INTO attempts (turn_id, number, worker) SELECT id, attempt, %(worker)s FROM claimed
), place AS (
    SELECT id, due_at, (
        SELECT account_id FROM conversations WHERE id = claimed.conversation_id) AS account_id
    FROM claimed
), clock AS (
    -- Two workers move the same accounts' clocks in the same order.
    INSERT INTO queue_clocks (account_id, begun_at)
    SELECT account_id, max(due_at) FROM place GROUP BY account_id ORDER BY account_id
    ON CONFLICT (account_id) DO UPDATE
        SET begun_at = greatest(queue_clocks.begun_at, excluded.begun_at)
)
SELECT claimed.*, place.account_id,
    (SELECT channel FROM accounts WHERE id = place.account_id) AS channel
FROM claimed JOIN place ON place.id = claimed.id
"""
# In the queue's order; within a conversation an answer that replaces an earlier one goes first.
# What just came is left to the worker that has its conversation in its cache; what was asked of one
# profile, to whose that is.
CLAIM_QUEUED = f"""
WITH next AS (
    SELECT id FROM turns AS waiting WHERE state = 'queued' AND id > 0 AND NOT EXISTS (
        SELECT FROM turns AS busy
        WHERE busy.conversation_id = waiting.conversation_id AND busy.state = 'running')
    AND NOT EXISTS (
        SELECT FROM turns AS earlier
        WHERE earlier.conversation_id = waiting.conversation_id AND earlier.state = 'queued'
            AND coalesce(earlier.place, earlier.id) < coalesce(waiting.place, waiting.id))
    AND (worker IS NULL OR worker = %(worker)s
        OR created_at < now() - make_interval(secs => %(leave_seconds)s))
    AND (profile IS NULL OR profile = %(profile)s)
    ORDER BY due_at, id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
), claimed AS (
    UPDATE turns {_CLAIMED} WHERE id IN (SELECT id FROM next)
{_CLAIM_RESULT}"""
CLAIM_EXPIRED = f"""
WITH next AS (
    SELECT id FROM turns WHERE state = 'running' AND lease_until < now()
        AND id <> ALL(CAST(%(running)s AS bigint[]))
        AND (profile IS NULL OR profile = %(profile)s)
    ORDER BY lease_until LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
), claimed AS (
    -- An owner that let its lease run out has died at it.
    UPDATE turns {_CLAIMED}, failures = failures + (lease_owner IS NOT NULL)::int
    WHERE id IN (SELECT id FROM next)
{_CLAIM_RESULT}"""
WATCH = """
SELECT id, attempt, stop_requested FROM turns WHERE id = ANY(%(turns)s) AND state = 'running'
"""
SHOW = """
UPDATE turns SET shown_at = coalesce(shown_at, now())
WHERE id = %(turn)s AND attempt = %(attempt)s AND state <> 'queued'
RETURNING CASE WHEN shown_at = now()
    THEN CAST(extract(epoch FROM shown_at - created_at) AS float) END AS first_after_seconds, (
    SELECT channel FROM conversations JOIN accounts ON accounts.id = account_id
    WHERE conversations.id = turns.conversation_id) AS channel
"""
# All of a worker's running replies in one statement: what came since the last time. With a reply's
# first comes the prompt that it was generated from, so that a takeover never builds it again.
CHECKPOINT = """
WITH given AS (
    SELECT * FROM jsonb_to_recordset(CAST(%(pieces)s AS jsonb)) AS one
        (turn bigint, attempt int, characters int, added text, tokens int, added_ids int[],
        fingerprint text, messages jsonb, prompt_ids int[], persona text, persona_version int)
), free AS (
    -- A row that somebody has locked holds up no other; its turn comes the next time.
    SELECT id FROM turns WHERE id IN (SELECT turn FROM given) FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE turns SET reply = left(reply, given.characters) || given.added,
    reply_token_ids = reply_token_ids[1:given.tokens] || given.added_ids,
    fingerprint = coalesce(given.fingerprint, turns.fingerprint),
    prompt_messages = coalesce(given.messages, turns.prompt_messages),
    prompt_token_ids = coalesce(given.prompt_ids, turns.prompt_token_ids),
    persona = coalesce(given.persona, turns.persona),
    persona_version = coalesce(given.persona_version, turns.persona_version),
    first_token_at = coalesce(first_token_at, now())
FROM given, free
WHERE turns.id = given.turn AND turns.id = free.id AND turns.attempt = given.attempt
    AND state = 'running'
RETURNING turns.id, turns.attempt
"""
FINISH = """
WITH ended AS (
    UPDATE turns SET state = %(state)s, reply = %(reply)s,
        -- Nobody goes on from here any more, and the prompt repeats what others wrote.
        prompt_messages = NULL, prompt_token_ids = NULL, reply_token_ids = '{}',
        finish_reason = %(finish_reason)s, error_code = %(error_code)s, error = %(error)s,
        prompt_tokens = %(prompt_tokens)s, cached_tokens = %(cached_tokens)s,
        output_tokens = %(output_tokens)s, lease_owner = NULL, lease_until = NULL,
        tool_calls = %(tool_calls)s::jsonb, stop_reason = %(stop_reason)s::jsonb,
        logprobs = %(logprobs)s::jsonb,
        -- Not known to who goes on from a frozen prompt.
        persona = coalesce(%(persona)s, persona),
        persona_version = coalesce(%(persona_version)s::int, persona_version),
        first_token_at = CASE WHEN %(reply)s = '' THEN first_token_at
                              ELSE coalesce(first_token_at, now()) END,
        finished_at = now()
    WHERE id = %(turn)s AND attempt = %(attempt)s AND state = 'running' RETURNING id, attempt
)
UPDATE attempts SET ended_at = now(), error = %(error_code)s FROM ended
WHERE attempts.turn_id = ended.id AND attempts.number = ended.attempt RETURNING turn_id
"""
# Who asked for its end in the same moment is not asked to wait for another attempt.
RELEASE = """
WITH freed AS (
    UPDATE turns SET lease_owner = NULL, lease_until = now() + make_interval(secs => %(after)s),
        failures = failures + %(failed)s,
        state = CASE WHEN stop_requested THEN 'stopped' ELSE state END,
        finished_at = CASE WHEN stop_requested THEN now() END,
        prompt_messages = CASE WHEN stop_requested THEN NULL ELSE prompt_messages END,
        prompt_token_ids = CASE WHEN stop_requested THEN NULL ELSE prompt_token_ids END
    WHERE id = %(turn)s AND attempt = %(attempt)s AND state = 'running' RETURNING id, attempt
)
UPDATE attempts SET ended_at = now(), error = %(error)s FROM freed
WHERE attempts.turn_id = freed.id AND attempts.number = freed.attempt RETURNING turn_id
"""
# It waits, or waits to be tried again, or its worker has died.
_UNATTENDED = "(lease_owner IS NULL OR lease_until < now())"
STOP = f"""
UPDATE turns SET stop_requested = true, first_in = NULL,
    state = CASE WHEN {_UNATTENDED} THEN 'stopped' ELSE state END,
    finished_at = CASE WHEN {_UNATTENDED} THEN now() END,
    prompt_messages = CASE WHEN {_UNATTENDED} THEN NULL ELSE prompt_messages END,
    prompt_token_ids = CASE WHEN {_UNATTENDED} THEN NULL ELSE prompt_token_ids END
WHERE id = %(turn)s AND state IN ('queued', 'running')
RETURNING state, attempt, char_length(reply) AS characters
"""
READ = (
    "SELECT state, attempt, reply, error, error_code, prompt_tokens, output_tokens, cached_tokens,"
    " tool_calls, stop_reason, coalesce(finish_reason, '') AS finish_reason"
    " FROM turns WHERE id = %(turn)s"
)
# Of many turns that somebody follows and hears nothing of: those with news, and those erased.
READ_SILENT = """
SELECT given.turn, turns.id, state, attempt, reply, error, error_code, prompt_tokens,
    output_tokens, cached_tokens, tool_calls, stop_reason,
    coalesce(finish_reason, '') AS finish_reason
FROM unnest(CAST(%(turns)s AS bigint[]), CAST(%(characters)s AS int[])) AS given (turn, characters)
LEFT JOIN turns ON turns.id = given.turn
WHERE turns.id IS NULL OR state NOT IN ('queued', 'running')
    OR char_length(reply) > given.characters
"""
# Whoever asked for them reads them once.
TAKE_LOGPROBS = """
WITH taken AS (SELECT id, logprobs FROM turns WHERE id = %(turn)s FOR NO KEY UPDATE)
UPDATE turns SET logprobs = NULL FROM taken WHERE turns.id = taken.id RETURNING taken.logprobs
"""
CHAT = """
SELECT accounts.channel, accounts.name, chat_id, thread_id, kind FROM turns
JOIN conversations ON conversations.id = turns.conversation_id
JOIN accounts ON accounts.id = conversations.account_id WHERE turns.id = %(turn)s
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """`first_after_seconds` since the turn's message came; None where text was shown before."""

    channel: str
    first_after_seconds: float | None


@dataclass(frozen=True, slots=True)
class Claimant:
    """A worker and its model, for which turns are claimed."""

    worker: str
    lease_seconds: float
    fingerprint: str  # an unfinished reply of another model is begun anew
    profile: str = ""  # a turn that was asked of another one is left alone
    by_text: bool = False  # the model goes on from a reply without tokens, too
    running: Sequence[int] = ()  # turns that it is at, also where their leases have expired


@dataclass(frozen=True, slots=True)
class ClaimedTurn:
    id: int
    conversation_id: int
    attempt: int
    failures: int  # of earlier attempts
    sampling: Sampling
    stop_requested: bool
    channel: str
    account_id: int = 0
    priority: int = 0  # less goes first, in the engine too
    seconds_left: float = math.inf  # until its deadline
    # What an earlier attempt left: the frozen prompt, and the reply with its tokens.
    prompt: Prompt | None = None
    reply: str = ""
    reply_token_ids: tuple[int, ...] = ()
    # False: its sampling or its prompt means nothing to this version, and is left out here.
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as the database has it."""

    state: TurnState
    attempt: int
    text: str
    error: str
    error_code: str
    prompt_tokens: int
    output_tokens: int
    finish_reason: str
    tool_calls: tuple[ToolCall, ...] = ()
    stop_reason: str | int | None = None
    cached_tokens: int = 0

    @property
    def final(self) -> bool:
        return self.state in FINAL_STATES


@dataclass(frozen=True, slots=True)
class Piece:
    """What a reply has beyond its first `characters` and `tokens`, which stand in Postgres.

    `prompt`, as whom it answers and the `fingerprint` of its model while they don't stand there.
    """

    turn: int
    attempt: int
    characters: int
    added: str
    tokens: int
    added_ids: Sequence[int]
    prompt: Prompt | None = None
    fingerprint: str | None = None
    persona: str | None = None
    persona_version: int | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """`state` is `running` while a worker is still at it; `characters` is the reply's length."""

    state: TurnState
    attempt: int
    characters: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended a turn. `logprobs` only where they were asked for; `persona` and its
    version where this attempt built the prompt."""

    state: TurnState
    reply: str = ""
    finish_reason: str | None = None
    error_code: str = ""
    error: str = ""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    tool_calls: tuple[ToolCall, ...] = ()
    stop_reason: str | int | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    persona: str | None = None
    persona_version: int | None = None


@dataclass(frozen=True, slots=True)
class Turns:
    database: Database

    async def claim(self, claimant: Claimant, limit: int) -> Sequence[ClaimedTurn]:
        """The first turns of the queue, `limit` at most, each of another conversation."""
        return await self._claim(CLAIM_QUEUED, claimant, limit)

    async def take_over(self, claimant: Claimant, limit: int) -> Sequence[ClaimedTurn]:
        """Turns whose worker fell silent, or whose next attempt is due; `limit` at most."""
        return await self._claim(CLAIM_EXPIRED, claimant, limit)

    async def _claim(self, statement: str, claimant: Claimant, limit: int) -> Sequence[ClaimedTurn]:
        values = {**asdict(claimant), "limit": limit, "leave_seconds": LEAVE_SECONDS}
        values["running"] = list(claimant.running)
        try:
            rows = await self.database.rows(statement, values)
        except psycopg.IntegrityError:  # another worker began a turn of one of these conversations
            return []
        in_order = sorted(rows, key=lambda row: (row.due_at, row.id))
        return [_claimed(row) for row in in_order]

    async def watch(self, turns: Sequence[int]) -> Mapping[tuple[int, int], bool]:
        """Of these turns, (turn, attempt) → was asked to stop, for those that run."""
        rows = await self.database.rows(WATCH, {"turns": list(turns)})
        return {(row.id, row.attempt): row.stop_requested for row in rows}

    async def show(self, turn_id: int, attempt: int) -> Shown | None:
        """Text of this attempt is about to be shown to a person: no message joins any more.

        None: don't show it, the turn starts again (or another attempt has taken it over).
        """
        row = await self.database.row(SHOW, {"turn": turn_id, "attempt": attempt})
        return None if row is None else Shown(row.channel, row.first_after_seconds)

    async def checkpoint(self, pieces: Sequence[Piece]) -> set[tuple[int, int]]:
        """Write the replies so far. Returns the (turn, attempt) that were written: what is missing
        is not held any more, or was locked in that moment."""
        values = {"pieces": json.dumps([_written(piece) for piece in pieces])}
        rows = await self.database.rows(CHECKPOINT, values)
        return {(row.id, row.attempt) for row in rows}

    async def finish(self, turn: ClaimedTurn, outcome: Outcome) -> bool:
        return await self._fenced(FINISH, turn, _ended(outcome))

    async def release(
        self, turn: ClaimedTurn, after_seconds: float, error: str, *, failed: bool
    ) -> bool:
        """Give the turn back; the next attempt may begin after so many seconds.

        `failed`: this attempt counts as a failure (a shutdown is none).
        """
        values = {"after": after_seconds, "error": error, "failed": int(failed)}
        return await self._fenced(RELEASE, turn, values)

    async def stop(self, turn_id: int) -> Stopped | None:
        """Ask for the end; a turn that still waits ends here. None: it had ended before."""
        row = await self.database.row(STOP, {"turn": turn_id})
        return None if row is None else Stopped(*row)

    async def read(self, turn_id: int) -> Reply | None:
        row = await self.database.row(READ, {"turn": turn_id})
        return None if row is None else _reply(row)

    async def read_silent(self, held: Mapping[int, int]) -> Mapping[int, Reply | None]:
        """What has more than so many characters, or is over; None for a turn that is no more."""
        values = {"turns": list(held), "characters": list(held.values())}
        rows = await self.database.rows(READ_SILENT, values)
        return {row.turn: None if row.id is None else _reply(row) for row in rows}

    async def take_logprobs(self, turn_id: int) -> tuple[TokenLogprob, ...]:
        """Those of a turn that is over, which are forgotten with it; empty where there are none."""
        row = await self.database.row(TAKE_LOGPROBS, {"turn": turn_id})
        given = (row and row.logprobs) or ()
        return tuple(TokenLogprob(token, chance, _pairs(top)) for token, chance, top in given)

    async def over(self, turns: Iterable[int]) -> set[int]:
        """Those of them that have ended, or were erased."""
        return set(await self.read_silent(dict.fromkeys(turns, UNREACHED)))

    async def chat(self, turn_id: int) -> ChatRef | None:
        row = await self.database.row(CHAT, {"turn": turn_id})
        return None if row is None else ChatRef(*row)

    async def _fenced(self, statement: str, turn: ClaimedTurn, values: Mapping[str, Any]) -> bool:
        fence = {"turn": turn.id, "attempt": turn.attempt}
        return await self.database.row(statement, {**values, **fence}) is not None


def _written(piece: Piece) -> Mapping[str, object]:
    prompt = piece.prompt
    return {
        "turn": piece.turn,
        "attempt": piece.attempt,
        "characters": piece.characters,
        "added": piece.added,
        "tokens": piece.tokens,
        "added_ids": piece.added_ids,
        "fingerprint": piece.fingerprint,
        "messages": prompt and messages_written(prompt),
        "prompt_ids": prompt and prompt.token_ids,
        "persona": piece.persona,
        "persona_version": piece.persona_version,
    }


def _ended(outcome: Outcome) -> Mapping[str, object]:
    values = {one.name: getattr(outcome, one.name) for one in fields(outcome)}
    as_json = {
        "tool_calls": calls_written(outcome.tool_calls) or None,
        "logprobs": [[one.token, one.logprob, one.top] for one in outcome.logprobs] or None,
        "stop_reason": outcome.stop_reason,
    }
    return values | {
        name: None if value is None else json.dumps(value) for name, value in as_json.items()
    }


def _pairs(written: Sequence[Sequence[Any]]) -> tuple[tuple[str, float], ...]:
    return tuple((token, chance) for token, chance in written)


def _reply(row: Any) -> Reply:
    asis = [one.name for one in fields(Reply) if one.name not in ("text", "tool_calls")]
    values: dict[str, Any] = {name: getattr(row, name) for name in asis}
    return Reply(text=row.reply, tool_calls=calls_read(row.tool_calls), **values)


def _claimed(row: Any) -> ClaimedTurn:
    claimed = ClaimedTurn(
        id=row.id,
        conversation_id=row.conversation_id,
        attempt=row.attempt,
        failures=row.failures,
        sampling=Sampling(),
        stop_requested=row.stop_requested,
        channel=row.channel,
        account_id=row.account_id,
        priority=row.priority,
        seconds_left=math.inf if row.seconds_left is None else row.seconds_left,
        reply=row.reply,
        reply_token_ids=tuple(row.reply_token_ids),
    )
    try:
        sampling = sampling_read(row.sampling)
        prompt = prompt_read(row.prompt_messages, row.prompt_token_ids)
    except Exception:  # another version wrote it; one such turn must not end the others
        log.exception("turn_unreadable", turn=row.id, attempt=row.attempt)
        return replace(claimed, readable=False)
    return replace(claimed, sampling=sampling, prompt=prompt)
