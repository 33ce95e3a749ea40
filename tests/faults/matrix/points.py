"""The points of the matrix, as data: what is done to which process, and where.

A plant strikes inside a process, at a line of our code; a strike comes from outside, at a moment
drawn by chance (`strikes.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tests.faults.matrix.plant import Plant

CHANNELS = ("telegram", "slack")
Role = Literal["gateway", "worker"]
TAKE = "assistant.answering.reply:RunningReply._take"
CLOSE = "assistant.outgoing.deliveries:Deliveries.close"


@dataclass(frozen=True, slots=True)
class Point:
    """`gateways` and `workers`: at least so many run. `conversations`: 0 leaves it to chance."""

    name: str
    title: str
    role: Role = "gateway"
    plant: Plant | None = None
    strike: str = ""
    gateways: int = 1
    workers: int = 1
    conversations: int = 0
    control: str = ""  # what the person does besides asking (controls.py)
    channels: Sequence[str] = CHANNELS


def _gateway(name: str, title: str, target: str, **values: object) -> Point:
    return Point(name, title, "gateway", Plant(target, **values))  # type: ignore[arg-type]


def _worker(name: str, title: str, target: str, **values: object) -> Point:
    return Point(name, title, "worker", Plant(target, **values))  # type: ignore[arg-type]


POINTS: Sequence[Point] = (
    Point("nothing", "nothing fails (for comparison)"),
    # A message on its way in
    _gateway(
        "commit", "before the commit", "assistant.incoming.intake:Intake.store", when="before"
    ),
    _gateway(
        "committed", "after the commit, before the ack", "assistant.incoming.intake:Intake.store"
    ),
    Point(
        "acked",
        "after the ack, before dispatch",
        plant=Plant("assistant.signals:Signals.wake_worker", "before", deed="skip"),
        strike="kill_after_ack",
    ),
    Point("queued", "in the queue: no worker there", strike="no_worker"),
    # A turn
    _worker(
        "claimed",
        "right after the claim",
        "assistant.answering.turns:Turns.claim",
        only="something",
    ),
    _worker("prefill", "in prefill", "assistant.answering.context:ContextBuilder.build"),
    _worker("token-1", "at the 1st token", TAKE, only="text"),
    _worker("token-20", "at the 20th token", TAKE, only="text", nth=20),
    _worker("token-last", "at the last token", TAKE, only="end", when="before"),
    _worker("ending", "after the final token, not stored", TAKE, only="end"),
    _worker("ended", "answer stored, nobody told", "assistant.answering.turns:Turns.finish"),
    # A reply on its way out
    _gateway("posting", "placeholder about to be sent", "channel:post", when="before"),
    _gateway("posted", "placeholder sent, not recorded", "channel:post"),
    _gateway("post-recorded", "placeholder recorded, no text", CLOSE),
    _gateway("editing", "edit sent, not recorded", "channel:edit", only="growing"),
    _gateway("edits", "between edits", CLOSE, nth=2),
    _gateway("final-sent", "final edit sent, not recorded", "channel:edit", only="final"),
    _gateway(
        "final-recorded",
        "final edit recorded, not ended",
        "assistant.outgoing.deliveries:Deliveries.end",
        when="before",
    ),
    # At any moment
    Point("worker", "worker killed at any moment", strike="kill_worker"),
    Point("gateway", "gateway killed at any moment", strike="kill_gateway"),
    Point("both", "worker and gateway killed", strike="kill_both"),
    Point("restarts", "both stopped in order (SIGTERM)", strike="stop_both"),
    Point("redis-flushed", "Redis flushed", strike="flush_redis"),
    Point("redis-stopped", "Redis away for seconds", strike="stop_redis"),
    Point("redis-restarted", "Redis restarted empty", strike="restart_redis"),
    Point("postgres-restarted", "Postgres restarted in a turn", strike="restart_postgres"),
    Point("postgres-crashed", "Postgres crashed and recovered", strike="crash_postgres"),
    Point("postgres-away", "Postgres away for seconds", strike="stop_postgres"),
    # The platform
    Point("busy", "platform answers 429", strike="platform_busy"),
    Point("broken", "platform answers 500", strike="platform_broken"),
    Point("slow", "platform times out", strike="platform_slow"),
    Point("cut", "platform refuses, nothing done", strike="platform_cut"),
    Point("lost", "connection closed after it took it", strike="platform_lost"),
    Point("redelivered", "event redelivered three times", strike="redeliver"),
    # Two of a kind
    Point("race", "two workers race for one turn", strike="race", gateways=2, workers=2),
    Point(
        "worker-frozen",
        "worker freezes in an answer, wakes",
        "worker",
        Plant(TAKE, only="text", nth=10, deed="freeze"),
        workers=2,
    ),
    Point(
        "gateway-frozen",
        "gateway freezes before a call, wakes",
        "gateway",
        Plant("assistant.outgoing.deliveries:Deliveries.begin", "before", nth=2, deed="freeze"),
        gateways=2,
    ),
    Point(
        "gateway-stalled",
        "gateway freezes as it calls, wakes",
        "gateway",
        Plant("assistant.outgoing.deliveries:Deliveries.begin", nth=2, deed="freeze"),
        gateways=2,
    ),
    Point(
        "skew",
        "clock skew of a minute, worker killed",
        "worker",
        Plant(TAKE, only="text", nth=15),
        strike="skew",
        workers=2,
    ),
    # The person is in control (of a deletion Telegram tells bots nothing)
    Point("edit-worker", "question edited, worker killed", strike="kill_worker", control="edit"),
    Point("edit-gateway", "question edited, gateway killed", strike="kill_gateway", control="edit"),
    Point("stop-worker", "answer stopped, worker killed", strike="kill_worker", control="stop"),
    Point("stop-gateway", "answer stopped, gateway killed", strike="kill_gateway", control="stop"),
    Point(
        "delete-worker",
        "question deleted, worker killed",
        strike="kill_worker",
        control="delete",
        channels=("slack",),
    ),
    Point(
        "delete-gateway",
        "question deleted, gateway killed",
        strike="kill_gateway",
        control="delete",
        channels=("slack",),
    ),
    # The engine
    _worker("engine-fails", "engine fails in an answer", TAKE, only="text", nth=12, deed="fail"),
    _worker("engine-dies", "engine dies and is built anew", TAKE, only="text", nth=12, deed="die"),
    # Fifty conversations at once
    Point("load", "50 at once, nothing fails", conversations=50),
    Point("load-worker", "50 at once, worker killed", strike="kill_worker", conversations=50),
    Point("load-gateway", "50 at once, gateway killed", strike="kill_gateway", conversations=50),
    Point("load-both", "50 at once, both killed", strike="kill_both", conversations=50),
)

CORE = Point("core", "engine core killed", strike="kill_core")
_WITH_A_MODEL = frozenset(
    {"nothing", "claimed", "prefill", "token-1", "token-20", "ending", "worker", "gateway", "both"}
)
# With the demo model each death of a worker costs a start of the engine: these are the ones where
# a model makes a difference.
MODEL_POINTS: Sequence[Point] = (*(one for one in POINTS if one.name in _WITH_A_MODEL), CORE)
