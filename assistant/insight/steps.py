"""A trace as steps on one line of time: what a waterfall shows, and where the time went. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from assistant.insight.trace import PlatformCall, Trace, TracedAttempt, TracedMessage

Name = Literal[
    "received", "committed", "acknowledged", "dispatched", "queue", "attempt", "context",
    "engine_queue", "prefill", "prefill_or_queue", "decode", "finish", "pause", "takeover",
    "placeholder", "overflow", "edit", "final", "removal", "visible", "ended",
]  # fmt: skip
Mark = Literal["", "failed", "unknown", "open"]
Facts = Mapping[str, str | int]
TEXT = frozenset({"edit", "final"})  # calls that show text


@dataclass(frozen=True, slots=True)
class Step:
    """From `begins` to `ends`, which are the same of a moment; either None where it isn't recorded.

    `number` is the attempt's, the message's or the reply's part. `facts` are said beside it, by
    their names. `mark`: it failed, nobody knows how it ended, or it goes on.
    """

    name: Name
    begins: datetime | None
    ends: datetime | None
    number: int = 0
    mark: Mark = ""
    facts: Facts = field(default_factory=dict)

    @property
    def recorded(self) -> bool:
        return self.begins is not None and (self.ends is not None or self.mark == "open")

    @property
    def seconds(self) -> float | None:
        if self.begins is None or self.ends is None:
            return None
        return max((self.ends - self.begins).total_seconds(), 0.0)


@dataclass(frozen=True, slots=True)
class Timeline:
    """`began` and `ended` are the first and the last moment that is recorded; what goes on is read
    up to now. `longest` is the step that took most of what the person waited for."""

    steps: Sequence[Step]
    began: datetime
    ended: datetime
    visible_at: datetime | None
    longest: Step | None

    @property
    def seconds(self) -> float:
        return (self.ended - self.began).total_seconds()

    def seconds_of(self, step: Step) -> tuple[float, float] | None:
        """When it begins after the start, and how long it takes; None where that isn't recorded."""
        if step.begins is None:
            return None
        ends = step.ends or (self.ended if step.mark == "open" else None)
        if ends is None:
            return None
        begins = (step.begins - self.began).total_seconds()
        return begins, max((ends - step.begins).total_seconds(), 0.0)


def timeline_of(trace: Trace) -> Timeline:
    steps = [
        *_arrivals(trace),
        *_queued(trace),
        *_attempts(trace),
        *(_call(one) for one in trace.calls),
        *_seen(trace),
    ]
    moments = [one for step in steps for one in (step.begins, step.ends) if one is not None]
    moments += [trace.turn.created_at, *(() if trace.turn.over else (trace.turn.read_at,))]
    return Timeline(steps, min(moments), max(moments), _visible_at(trace), _longest(steps))


def _arrivals(trace: Trace) -> Iterator[Step]:
    """Of a turn that was asked again they are the former one's; an experiment is asked here. Who
    asks by the API is told nothing before the answer."""
    if trace.turn.replaces is not None or trace.turn.channel == "admin":
        return
    for number, one in enumerate(trace.messages, 1):
        yield from _came(one, number)
        if trace.turn.channel != "api":
            yield Step("acknowledged", one.acknowledged_at, one.acknowledged_at, number)


def _came(one: TracedMessage, number: int) -> Iterator[Step]:
    yield Step("received", one.received_at, one.received_at, number)
    yield Step("committed", one.received_at, one.committed_at, number)
    yield Step("dispatched", one.committed_at, one.dispatched_at, number)


def _queued(trace: Trace) -> Iterator[Step]:
    first = trace.attempts[0] if trace.attempts else None
    whole = first is not None and first.number == 1
    if whole and first is not None:
        yield Step("queue", trace.turn.created_at, first.started_at)
    elif trace.turn.state == "queued":
        yield Step("queue", trace.turn.created_at, None, mark="open")


def _attempts(trace: Trace) -> Iterator[Step]:
    former: TracedAttempt | None = None
    for one in trace.attempts:
        if former is not None:
            yield _between(former, one)
        running = one is trace.attempts[-1] and trace.turn.state == "running"
        yield from _attempt(one, running)
        former = one


def _between(former: TracedAttempt, one: TracedAttempt) -> Step:
    """The pause before a retry; or a worker's silence until another took the turn over."""
    if former.closed_at is None:
        facts = {"former": former.worker, "worker": one.worker}
        return Step("takeover", one.started_at, one.started_at, one.number, facts=facts)
    return Step("pause", former.closed_at, one.started_at, one.number, facts={"why": former.error})


def _attempt(one: TracedAttempt, running: bool) -> Iterator[Step]:
    ends = one.closed_at or one.ended_at
    facts: dict[str, str | int] = {"worker": one.worker}
    facts |= {"profile": one.profile} if one.profile else {}
    facts |= {"why": one.error} if one.error else {}
    mark: Mark = "failed" if one.error else ""
    if ends is None:
        mark = "open" if running else "unknown"
    yield Step("attempt", one.started_at, ends, one.number, mark, facts)
    if not one.recorded:
        yield Step("context", None, None, one.number)
        return
    phases: list[tuple[Name, datetime | None, datetime | None, Facts]]
    phases = [("context", one.claimed_at, one.built_at, _prompt_facts(one))]
    if one.begun_at is None:
        phases += [("prefill_or_queue", one.asked_at, one.first_token_at, _read(one))]
    else:
        phases += [("engine_queue", one.asked_at, one.begun_at, {})]
        phases += [("prefill", one.begun_at, one.first_token_at, _read(one))]
    last = one.last_token_at if one.ended_at is not None else None  # else it is an elder one
    phases += [("decode", one.first_token_at, last, _written(one))]
    for name, begins, ends, said in phases:
        if begins is not None:
            yield _phase(name, begins, ends, one, running, said)
    if one.last_token_at is not None and one.ended_at is not None:
        yield Step("finish", one.last_token_at, one.ended_at, one.number)


def _phase(
    name: Name,
    begins: datetime,
    ends: datetime | None,
    one: TracedAttempt,
    running: bool,
    facts: Facts,
) -> Step:
    """One that has begun. Without an end of its own it ended with its attempt; where that has none
    either it goes on, or went with its worker."""
    if ends is not None:
        return Step(name, begins, ends, one.number, "", facts)
    if one.ended_at is not None:
        return Step(name, begins, one.ended_at, one.number, "failed" if one.error else "", facts)
    return Step(name, begins, None, one.number, "open" if running else "unknown", facts)


def _prompt_facts(one: TracedAttempt) -> Facts:
    if one.recipe is None or one.recipe.tokens is None:
        return {}
    return {"tokens": one.recipe.tokens}


def _read(one: TracedAttempt) -> Facts:
    """Of a running one they aren't known yet."""
    facts = {"tokens": one.prompt_tokens, "cached": one.cached_tokens} if one.prompt_tokens else {}
    return facts | ({"resumed": one.resumed_tokens} if one.resumed_tokens else {})


def _written(one: TracedAttempt) -> Facts:
    return {"tokens": one.output_tokens} if one.output_tokens else {}


def _call(one: PlatformCall) -> Step:
    mark: Mark = "failed" if one.state == "failed" else "unknown"
    if one.state == "sent":
        mark = ""
    elif one.state == "sending" and one.ended_at is None:
        mark = "open"
    facts: dict[str, str | int] = {"receipt": one.message_id} if one.message_id else {}
    facts |= {"characters": one.characters} if one.characters else {}
    facts |= {"why": one.error} if one.error else {}
    name: Name = one.kind  # type: ignore[assignment]
    return Step(name, one.began_at, one.ended_at, one.position, mark, facts)


def _seen(trace: Trace) -> Iterator[Step]:
    visible = _visible_at(trace)
    if visible is not None or trace.turn.characters:
        yield Step("visible", visible, visible)
    if trace.turn.finished_at is not None:
        at, mark = trace.turn.finished_at, "failed" if trace.turn.state == "failed" else ""
        yield Step("ended", at, at, 0, mark, {"state": trace.turn.state})  # type: ignore[arg-type]


def _visible_at(trace: Trace) -> datetime | None:
    """When text of it was first seen: on a platform with the first edit that it confirmed."""
    if trace.delivery is None:
        return trace.turn.shown_at
    shown = [
        one.ended_at
        for one in trace.calls
        if one.kind in TEXT and one.state == "sent" and one.characters and one.ended_at is not None
    ]
    return min(shown, default=None)


_WAITED_FOR = frozenset(
    {"queue", "context", "engine_queue", "prefill", "prefill_or_queue", "decode", "pause"}
    | {"dispatched", "committed"}
)


def _longest(steps: Sequence[Step]) -> Step | None:
    found = [one for one in steps if one.name in _WAITED_FOR and one.seconds is not None]
    return max(found, key=lambda one: one.seconds or 0.0, default=None)
