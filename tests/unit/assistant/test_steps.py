"""A trace as steps: what is recorded is placed, what isn't stays empty. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from assistant.answering.traces import STEPS
from assistant.insight.steps import Step, Timeline, timeline_of
from assistant.insight.trace import (
    PlatformCall,
    Trace,
    TracedAttempt,
    TracedDelivery,
    TracedMessage,
    TracedTurn,
)

START = datetime(2026, 5, 4, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


TURN = TracedTurn(
    id=7,
    conversation_id=3,
    state="done",
    channel="telegram",
    account="default",
    chat_id="42",
    thread_id="",
    kind="private",
    person_id=1,
    person="Ana",
    created_at=at(0.1),
    started_at=at(5),
    shown_at=at(7),
    finished_at=at(9),
    attempt=1,
    error_code="",
    error="",
    superseded_by=None,
    replaces=None,
    prompt_tokens=900,
    cached_tokens=800,
    output_tokens=50,
    finish_reason="stop",
    characters=200,
    stop_requested=False,
    sampling={},
    persona="brief",
    persona_version=2,
    read_at=at(20),
)
MESSAGE = TracedMessage(1, "5", at(0.1), None, None, at(0), at(0.2), at(0.25), at(0.3))
ATTEMPT = TracedAttempt(
    number=1,
    worker="one",
    started_at=at(5),
    closed_at=at(9),
    error="",
    recorded=True,
    profile="scout",
    model="llama",
    claimed_at=at(5.01),
    built_at=at(5.1),
    asked_at=at(5.1),
    begun_at=at(5.6),
    first_token_at=at(6.5),
    last_token_at=at(8.9),
    ended_at=at(9),
    outcome="done",
    resumed_tokens=0,
    prompt_tokens=900,
    cached_tokens=800,
    output_tokens=50,
)
DELIVERY = TracedDelivery("done", 1, "", 0, at(0.1), at(5.5), at(9.4))
CALLS = (
    PlatformCall(1, 0, "placeholder", "sent", "88", 0, "", at(5.2), at(5.5)),
    PlatformCall(2, 0, "edit", "sent", "88", 60, "", at(6.6), at(6.9)),
    PlatformCall(3, 0, "final", "sent", "88", 200, "", at(9.1), at(9.4)),
)
TRACE = Trace(TURN, (MESSAGE,), (ATTEMPT,), DELIVERY, CALLS, ())


def of(timeline: Timeline, name: str) -> Step:
    [found] = [one for one in timeline.steps if one.name == name]
    return found


def test_what_took_longest_is_named_among_what_the_person_waited_for() -> None:
    timeline = timeline_of(TRACE)
    assert timeline.longest is not None
    assert (timeline.longest.name, timeline.longest.seconds) == ("queue", 4.9)
    assert (timeline.began, timeline.ended, timeline.seconds) == (at(0), at(9.4), 9.4)


def test_text_is_visible_with_the_first_edit_that_the_platform_confirmed() -> None:
    assert timeline_of(TRACE).visible_at == at(6.9)
    refused = replace(CALLS[1], state="failed", error="rate_limited")
    assert timeline_of(replace(TRACE, calls=(CALLS[0], refused, CALLS[2]))).visible_at == at(9.4)
    by_page = replace(TRACE, delivery=None, calls=())
    assert timeline_of(by_page).visible_at == at(7)


def test_an_engine_that_tells_when_it_began_gives_two_steps_and_another_gives_one() -> None:
    timeline = timeline_of(TRACE)
    assert of(timeline, "engine_queue").seconds == 0.5
    assert of(timeline, "prefill").facts == {"tokens": 900, "cached": 800}
    untold = timeline_of(replace(TRACE, attempts=(replace(ATTEMPT, begun_at=None),)))
    assert of(untold, "prefill_or_queue").seconds == 1.4


def test_a_call_whose_end_nobody_knows_is_neither_failed_nor_done() -> None:
    lost = replace(CALLS[0], state="unknown", message_id="", ended_at=at(6))
    under_way = replace(CALLS[1], state="sending", message_id="", ended_at=None)
    timeline = timeline_of(replace(TRACE, calls=(lost, under_way)))
    assert of(timeline, "placeholder").mark == "unknown"
    assert of(timeline, "edit").mark == "open"
    assert not of(timeline, "visible").recorded


def test_without_records_the_rest_is_still_placed_and_nothing_is_filled_in() -> None:
    bare = replace(
        MESSAGE, received_at=None, committed_at=None, dispatched_at=None, acknowledged_at=None
    )
    lost = replace(
        ATTEMPT,
        recorded=False,
        **{f"{name}_at": None for name in STEPS},
    )
    timeline = timeline_of(replace(TRACE, messages=(bare,), attempts=(lost,)))
    assert timeline.began == TURN.created_at
    assert {one.name for one in timeline.steps if not one.recorded} == {
        *("received", "committed", "dispatched", "acknowledged", "context")
    }
    assert of(timeline, "attempt").seconds == 4.0


def test_what_runs_goes_on_until_now() -> None:
    running = replace(
        TRACE,
        turn=replace(TURN, state="running", finished_at=None),
        attempts=(replace(ATTEMPT, closed_at=None, ended_at=None),),
        calls=CALLS[:2],
    )
    timeline = timeline_of(running)
    assert of(timeline, "decode").mark == of(timeline, "attempt").mark == "open"
    assert timeline.seconds_of(of(timeline, "decode")) == (6.5, 13.5)


def test_an_attempt_that_failed_before_its_first_token_failed_at_what_it_was() -> None:
    ends = {"first_token_at": None, "last_token_at": None, "begun_at": None, "ended_at": at(7)}
    failed = replace(ATTEMPT, error="engine_unavailable", closed_at=at(7), **ends)
    steps = timeline_of(replace(TRACE, attempts=(failed,), calls=())).steps
    named = {one.name: one for one in steps}
    assert named["prefill_or_queue"].mark == "failed"
    assert named["prefill_or_queue"].ends == at(7)
    assert "decode" not in named and "finish" not in named
    canned = replace(failed, error="", built_at=None, asked_at=None)
    steps = timeline_of(replace(TRACE, attempts=(canned,), calls=())).steps
    assert {one.name for one in steps if one.number == 1} >= {"attempt", "context"}
    assert all(one.name != "prefill_or_queue" for one in steps)


def test_a_phase_whose_worker_died_has_an_end_that_nobody_knows() -> None:
    died = replace(ATTEMPT, ended_at=None, closed_at=None)
    successor = replace(ATTEMPT, number=2, worker="two", started_at=at(20))
    steps = timeline_of(replace(TRACE, attempts=(died, successor))).steps
    [decode, _] = [one for one in steps if one.name == "decode"]
    assert (decode.mark, decode.ends) == ("unknown", None)
    assert [one.facts["former"] for one in steps if one.name == "takeover"] == ["one"]


def test_what_was_asked_again_begins_then_and_not_when_its_message_came() -> None:
    again = timeline_of(replace(TRACE, turn=replace(TURN, replaces=5)))
    assert again.began == TURN.created_at
    assert all(one.name != "received" for one in again.steps)


def test_who_asks_by_the_api_is_told_nothing_before_the_answer() -> None:
    silent = replace(MESSAGE, acknowledged_at=None)
    asked = replace(TRACE, turn=replace(TURN, channel="api"), messages=(silent,))
    assert all(one.recorded for one in timeline_of(asked).steps)
