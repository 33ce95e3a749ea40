"""Concerns: what needs an admin's hand. The words that say what to do are the dashboard's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from assistant.insight.channel_states import ChannelState
from assistant.insight.turns_now import TurnsNow
from assistant.settings import AssistantSettings
from assistant.signals import WorkerPresence
from assistant.storage.database import Database

Gravity = Literal["stands", "hampers", "asks"]  # people wait in vain; it goes badly; a hand is due
GRAVITIES: Sequence[Gravity] = ("stands", "hampers", "asks")

DOWN_SECONDS = 30.0  # a line that breaks off comes back by itself in seconds
WAIT_SECONDS = 60.0
FULL_SHARE = 0.8  # of what may wait
KV_SHARE = 0.95
BROKEN = frozenset({"dead", "away", "rebuilding", "stopped"})

READ = """
SELECT (SELECT count(*) FROM turns
    WHERE state = 'failed' AND finished_at > now() - interval '1 day' AND superseded_by IS NULL
        AND NOT EXISTS (SELECT FROM experiments WHERE turn_id = turns.id OFFSET 0)) AS failed,
    (SELECT count(*) FROM identities WHERE pairing_code IS NOT NULL AND access = 'pending')
        AS pairing
"""

Value = str | int | float


@dataclass(frozen=True, slots=True)
class Concern:
    """`key` names its words and its place in the dashboard; `values` stand in the words."""

    key: str
    gravity: Gravity
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Open:
    """`failed`: turns of the last day that nobody tried again. `pairing`: people who ask to be let
    in."""

    failed: int
    pairing: int


@dataclass(frozen=True, slots=True)
class OpenEnds:
    database: Database

    async def read(self) -> Open:
        """Raises StorageUnavailable."""
        (row,) = await self.database.rows(READ)
        return Open(row.failed, row.pairing)


def concerns(
    channels: Sequence[ChannelState],
    workers: Sequence[WorkerPresence],
    turns: TurnsNow,
    left: Open,
    settings: AssistantSettings,
    *,
    redis: bool,
) -> Sequence[Concern]:
    """The gravest first."""
    found = [*_of_channels(channels), *_of_queue(turns, settings), *_of_people(left)]
    if redis:
        found += _of_engines(workers)
    else:  # nobody hears the workers, which answer all the same
        found.append(Concern("redis.away", "hampers"))
    return sorted(found, key=lambda one: GRAVITIES.index(one.gravity))


def _of_engines(workers: Sequence[WorkerPresence]) -> Iterator[Concern]:
    answering = [one for one in workers if one.answers]
    if not answering:
        yield Concern("engine.none", "stands")
    alone = len(answering) == 1
    for one in workers:
        named: dict[str, Value] = {"worker": one.worker, "detail": one.detail}
        if one.state in BROKEN:
            yield Concern(f"engine.{one.state}", "stands" if alone else "hampers", named)
        elif one.state == "starting" and alone:
            yield Concern("engine.starting", "hampers", named)
        if one.info is not None and not one.info.as_planned:
            yield Concern("engine.unplanned", "asks", {**named, "plan": one.info.plan})
        yield from _of_cache(one)


def _of_cache(worker: WorkerPresence) -> Iterator[Concern]:
    reading = worker.reading
    if reading is None:
        return
    if reading.preemptions:
        values: dict[str, Value] = {"worker": worker.worker, "count": reading.preemptions}
        yield Concern("engine.preempted", "hampers", values)
    elif reading.kv_cache_usage >= KV_SHARE:
        share = round(100 * reading.kv_cache_usage)
        yield Concern("engine.kv_full", "hampers", {"worker": worker.worker, "percent": share})


def _of_channels(channels: Sequence[ChannelState]) -> Iterator[Concern]:
    for one in channels:
        named: dict[str, Value] = {
            "channel": one.channel,
            "account": one.title or one.account,
            "error": one.error,
        }
        if one.standing == "refused":
            yield Concern("channel.refused", "stands", named)
        elif one.standing == "down" and (one.standing_seconds or 0.0) >= DOWN_SECONDS:
            yield Concern("channel.down", "stands", named)
        if one.paused_until is not None:
            until = one.paused_until.isoformat()
            yield Concern("channel.paused", "hampers", {**named, "until": until})
        if one.put_off:
            yield Concern("channel.put_off", "hampers", {**named, "count": one.put_off})
        if one.undelivered:
            yield Concern("channel.undelivered", "asks", {**named, "count": one.undelivered})


def _of_queue(turns: TurnsNow, settings: AssistantSettings) -> Iterator[Concern]:
    full = max(
        turns.waiting / settings.waiting_turns, turns.waiting_tokens / settings.waiting_tokens
    )
    waited = turns.longest_wait_seconds or 0.0
    if full >= FULL_SHARE:
        percent = min(round(100 * full), 100)
        yield Concern("queue.full", "hampers", {"count": turns.waiting, "percent": percent})
    elif waited >= WAIT_SECONDS:
        yield Concern("queue.slow", "hampers", {"count": turns.waiting, "seconds": round(waited)})
    if turns.left_alone:
        yield Concern("turns.left_alone", "stands", {"count": turns.left_alone})


def _of_people(left: Open) -> Iterator[Concern]:
    if left.failed:
        yield Concern("turns.failed", "asks", {"count": left.failed})
    if left.pairing:
        yield Concern("people.pairing", "asks", {"count": left.pairing})
