"""What needs an admin's hand, and how grave it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from assistant.engine_reading import EngineReading
from assistant.insight.channel_states import ChannelState
from assistant.insight.concerns import Concern, Open, concerns
from assistant.insight.turns_now import TurnsNow
from assistant.settings import AssistantSettings
from assistant.signals import WorkerPresence
from inference.api import EngineInfo

NOW = datetime(2026, 1, 1, tzinfo=UTC)
INFO = EngineInfo("demo", "smollm2", 8192, "f")
WELL = WorkerPresence("w1", "ready", "", INFO, reading=EngineReading())
QUIET = TurnsNow(
    at=NOW,
    running=0,
    waiting=0,
    background=0,
    left_alone=0,
    waiting_tokens=0,
    longest_wait_seconds=None,
    running_turns=(),
    waiting_turns=(),
)
TELEGRAM = ChannelState(
    id=1,
    channel="telegram",
    account="default",
    title="",
    access="pairing",
    standing="open",
    way="polling",
    standing_seconds=100.0,
    gateways=1,
    failures=0,
    heard_at=NOW,
    error="",
    failed_at=None,
    paused_until=None,
    paused_chats=0,
    open_replies=0,
    put_off=0,
    undelivered=0,
)
NOTHING = Open(0, 0)


def found(
    *,
    channels: tuple[ChannelState, ...] = (TELEGRAM,),
    workers: tuple[WorkerPresence, ...] = (WELL,),
    turns: TurnsNow = QUIET,
    left: Open = NOTHING,
    redis: bool = True,
) -> list[Concern]:
    return [*concerns(channels, workers, turns, left, AssistantSettings(), redis=redis)]


def keys(**of: object) -> list[str]:
    return [one.key for one in found(**of)]  # type: ignore[arg-type]


def test_where_all_is_well_nothing_is_said() -> None:
    assert found() == []


def test_without_a_worker_that_answers_questions_wait_in_vain() -> None:
    assert [(one.key, one.gravity) for one in found(workers=())] == [("engine.none", "stands")]
    embeds = replace(WELL, info=replace(INFO, generates=False))
    assert keys(workers=(embeds,)) == ["engine.none"]


def test_a_broken_engine_is_graver_where_it_is_the_only_one() -> None:
    dead = replace(WELL, worker="w2", state="dead", detail="out of memory", info=None)
    assert [(one.key, one.gravity) for one in found(workers=(dead,))] == [("engine.dead", "stands")]
    (one,) = found(workers=(WELL, dead))
    assert (one.gravity, one.values["detail"]) == ("hampers", "out of memory")


def test_a_worker_that_only_starts_beside_another_worries_nobody() -> None:
    starting = replace(WELL, worker="w2", state="starting", info=None)
    assert keys(workers=(starting,)) == ["engine.starting"]
    assert keys(workers=(WELL, starting)) == []


def test_without_redis_workers_are_not_taken_for_gone() -> None:
    assert keys(workers=(), redis=False) == ["redis.away"]


def test_want_of_kv_cache_is_said_once() -> None:
    full = replace(WELL, reading=EngineReading(kv_cache_usage=0.97))
    assert keys(workers=(full,)) == ["engine.kv_full"]
    worse = replace(WELL, reading=EngineReading(kv_cache_usage=0.97, preemptions=4))
    assert keys(workers=(worse,)) == ["engine.preempted"]


def test_an_engine_that_is_not_as_planned_is_said() -> None:
    other = replace(WELL, info=replace(INFO, as_planned=False, plan="9 GiB more than planned"))
    (one,) = found(workers=(other,))
    assert (one.key, one.values["plan"]) == ("engine.unplanned", "9 GiB more than planned")


def test_a_line_that_just_broke_off_is_given_a_moment() -> None:
    down = replace(TELEGRAM, standing="down", standing_seconds=5.0, error="It can't be reached.")
    assert keys(channels=(down,)) == []
    (one,) = found(channels=(replace(down, standing_seconds=31.0),))
    assert (one.key, one.values["error"]) == ("channel.down", "It can't be reached.")


def test_a_refused_account_is_said_at_once_with_its_name() -> None:
    refused = replace(TELEGRAM, standing="refused", standing_seconds=0.0, title="The office")
    (one,) = found(channels=(refused,))
    assert (one.key, one.gravity, one.values["account"]) == (
        "channel.refused",
        "stands",
        "The office",
    )


def test_replies_that_do_not_get_through_are_counted_by_account() -> None:
    one = replace(TELEGRAM, paused_until=NOW, put_off=3, undelivered=2)
    assert keys(channels=(one,)) == ["channel.paused", "channel.put_off", "channel.undelivered"]


def test_an_account_that_is_off_is_nobodys_concern() -> None:
    assert keys(channels=(replace(TELEGRAM, standing="off"),)) == []


def test_a_queue_that_is_slow_or_nearly_full_is_said() -> None:
    slow = replace(QUIET, waiting=40, longest_wait_seconds=61.0)
    assert keys(turns=slow) == ["queue.slow"]
    settings = AssistantSettings()
    (full,) = found(turns=replace(slow, waiting=settings.waiting_turns * 9 // 10))
    assert (full.key, full.values["percent"]) == ("queue.full", 90)
    words = replace(QUIET, waiting=1, waiting_tokens=settings.waiting_tokens)
    assert keys(turns=words) == ["queue.full"]


def test_turns_that_nobody_takes_over_stand_first() -> None:
    left = Open(failed=2, pairing=1)
    alone = replace(QUIET, running=1, left_alone=1)
    assert keys(turns=alone, left=left) == ["turns.left_alone", "turns.failed", "people.pairing"]
