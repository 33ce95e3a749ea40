"""The overview for programs: how channels and engines stand, what runs, what needs a hand."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from assistant.insight.glance import Glance, Glances
from assistant.signals import WorkerPresence
from bots.admin.api.door import api_router, scoped
from bots.api.keys import Access

FIRST_COUNT_SECONDS = 3.0  # a program asks once, where a page is told later


class Seen(BaseModel, from_attributes=True):
    """Read off what the dashboard's page shows."""


class ChannelSeen(Seen):
    """`standing`: open, opening, standby, down, refused, off, or unseen while Redis is away.
    Times are of the database's clock."""

    channel: str
    account: str
    title: str
    access: str
    standing: str
    way: str | None
    standing_seconds: float | None
    gateways: int
    failures: int
    heard_at: datetime | None
    error: str
    failed_at: datetime | None
    paused_until: datetime | None
    paused_chats: int
    open_replies: int
    put_off: int
    undelivered: int


class EngineFigures(Seen):
    """Tokens a second over ten seconds; percentiles in seconds, the share of prompts that came from
    the cache, and preemptions over five minutes. Null: nothing of that happened."""

    running: int
    batch_size: int
    waiting: int
    kv_cache_usage: float
    output_tokens_per_second: float
    prompt_tokens_per_second: float
    ttft_p50: float | None
    ttft_p95: float | None
    tpot_p50: float | None
    tpot_p95: float | None
    queue_p95: float | None
    cache_hits: float | None
    preemptions: int
    rates: list[float]


class WorkerSeen(Seen):
    worker: str
    state: str
    detail: str
    profile: str | None
    model: str | None
    running_turns: int
    room: int
    figures: EngineFigures | None


class TurnSeen(Seen):
    id: int
    state: Literal["queued", "running"]
    channel: str
    account: str
    kind: str
    created_at: datetime
    started_at: datetime | None
    shown_at: datetime | None
    attempt: int
    failures: int
    background: bool
    worker: str | None
    characters: int
    deadline_at: datetime | None


class TurnsSeen(Seen):
    """Of those that run and of those that wait, the first fifty each are listed."""

    at: datetime
    running: int
    waiting: int
    background: int
    left_alone: int
    waiting_tokens: int
    longest_wait_seconds: float | None
    running_turns: list[TurnSeen]
    waiting_turns: list[TurnSeen]


class CountsSeen(Seen):
    messages: int
    turns: int
    failed: int
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int


class TotalsSeen(Seen):
    """By days and months of UTC, of turns that have ended. Null while they are first counted."""

    today: CountsSeen
    month: CountsSeen
    people_today: int
    people_month: int


class ConcernSeen(Seen):
    """`stands`: people wait in vain; `hampers`: it goes badly; `asks`: a hand is due."""

    key: str
    gravity: Literal["stands", "hampers", "asks"]
    values: dict[str, str | int | float]


class Overview(Seen):
    redis: bool
    concerns: list[ConcernSeen]
    totals: TotalsSeen | None
    workers: list[WorkerSeen]
    channels: list[ChannelSeen]
    turns: TurnsSeen


def overview_api(access: Access, glances: Glances) -> APIRouter:
    router = api_router()

    @router.get("/overview", dependencies=[scoped(access, "viewer")])
    async def overview() -> Overview:
        """How everything stands now: at most a second old, the totals mostly ten."""
        return _overview(await glances.with_totals(FIRST_COUNT_SECONDS))

    return router


def _overview(glance: Glance) -> Overview:
    return Overview(
        redis=glance.redis,
        concerns=[ConcernSeen.model_validate(one) for one in glance.concerns],
        totals=TotalsSeen.model_validate(glance.totals) if glance.totals else None,
        workers=[_worker(one) for one in glance.workers],
        channels=[ChannelSeen.model_validate(one) for one in glance.channels],
        turns=TurnsSeen.model_validate(glance.turns),
    )


def _worker(one: WorkerPresence) -> WorkerSeen:
    return WorkerSeen(
        worker=one.worker,
        state=one.state,
        detail=one.detail,
        profile=one.info.profile if one.info else None,
        model=one.info.model if one.info else None,
        running_turns=one.running_turns,
        room=one.room,
        figures=EngineFigures.model_validate(one.reading) if one.reading else None,
    )
