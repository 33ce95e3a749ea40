"""What is recorded of a message and of each attempt; a lost record is a gap, and not a guess."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from assistant.answering.prompt_parts import Recipe
from assistant.answering.turns import Claimant
from assistant.incoming.arrivals import WAIT_SECONDS, Arrivals
from assistant.insight.steps import Step, timeline_of
from assistant.insight.trace import Trace, TraceReader
from assistant.messages import Arrival, ChatRef
from assistant.orders.erasure import Erasure
from assistant.storage.pruning import Pruning
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import CHAT, FAST, House, house, incoming, until, working
from tests.support.orders import quick, told

ANOTHER = ChatRef("telegram", "default", "43")
DONE = ("claimed_at", "built_at", "asked_at", "first_token_at", "last_token_at", "ended_at")
# On a machine that is busy a short lease is lost, and each attempt has a second.
CALM = FAST.model_copy(update={"lease_seconds": 30.0})


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url, settings=CALM) as built:
        yield built


async def trace(home: House, turn_id: int) -> Trace:
    found = await TraceReader(home.database).of(turn_id)
    assert found is not None
    return found


async def recorded(home: House, turn_id: int) -> Trace:
    """As soon as the last attempt's end is written, and what was shown of it."""

    async def over() -> bool:
        found = await trace(home, turn_id)
        shown = found.delivery is None or found.delivery.finished_at is not None
        return shown and bool(found.attempts) and found.attempts[-1].ended_at is not None

    await until(over)
    return await trace(home, turn_id)


def recipe(found: Trace) -> Recipe:
    assert found.recipe is not None
    return found.recipe


def named(found: Trace, name: str) -> list[Step]:
    return [one for one in timeline_of(found).steps if one.name == name]


async def test_each_step_of_an_answer_is_recorded_in_its_order(home: House) -> None:
    arrival = Arrival()
    turn = (await home.service.accept(incoming("Tell me about herons", arrival=arrival))).turn_id
    arrival.acknowledge()
    async with working(home.worker(quick())):
        await home.answer(turn)
        await recorded(home, turn)
        await until(lambda: _acknowledged(home, turn))
        found = await trace(home, turn)
    [message], [attempt] = found.messages, found.attempts
    moments = [
        message.received_at,
        message.committed_at,
        message.dispatched_at,
        *(getattr(attempt, name) for name in DONE),
    ]
    assert None not in moments
    assert moments == sorted(moments)  # type: ignore[type-var]
    assert (attempt.outcome, attempt.profile, attempt.model) == ("done", "scripted", "scripted")
    assert (attempt.prompt_tokens, attempt.output_tokens) == (7 + 4, 12)
    assert [one.kind for one in found.calls][0 :: len(found.calls) - 1] == ["placeholder", "final"]
    assert all(one.message_id and one.ended_at for one in found.calls)
    [visible] = named(found, "visible")
    assert visible.begins == found.calls[1].ended_at
    assert all(one.recorded for one in timeline_of(found).steps)


async def _acknowledged(home: House, turn: int) -> bool:
    return all(one.acknowledged_at for one in (await trace(home, turn)).messages)


async def test_times_are_the_databases_own_whatever_this_machines_clock_says(home: House) -> None:
    async with working(home.worker(quick())):
        turn = (await home.say("Hello")).turn_id
        await home.answer(turn)
        found = await recorded(home, turn)
    [now] = await home.rows("SELECT now() AS at")
    [attempt] = found.attempts
    assert attempt.started_at <= attempt.claimed_at <= now.at  # type: ignore[operator]
    assert home.clock.at(0.0) is not None


async def test_the_prompt_is_recorded_by_its_parts_with_their_tokens_and_without_their_texts(
    home: House,
) -> None:
    async with working(home.worker(quick())):
        await told(home, "persona", "brief")
        await told(home, "memory", "I live by a lake")
        first = (await home.say("Tell me about herons")).turn_id
        await home.answer(first)
        second = (await home.say("And about storks please")).turn_id
        await home.answer(second)
        found = await recorded(home, second)
    made = recipe(found)
    assert [one.kind for one in made.parts] == ["instructions", "memories", "earlier", "own"]
    told_tokens, remembered, earlier, own = [one.tokens for one in made.parts]
    assert (told_tokens, remembered) == (7 + 8, 12 + 6)
    assert earlier == 4 + 12 and made.parts[2].answer_tokens == 12
    assert own == 4
    assert made.tokens == sum(one.tokens or 0 for one in made.parts)
    assert made.template_tokens == 0
    assert made.persona == "brief"
    written = await home.rows("SELECT context::text AS text FROM traces")
    assert all("heron" not in row.text and "lake" not in row.text for row in written)
    [instructions] = await home.rows("SELECT text FROM instructions")
    assert "one to three sentences" in instructions.text and "lake" not in instructions.text


async def test_what_did_not_fit_is_said(home: House) -> None:
    long = "word " * 2_500
    async with working(home.worker(quick())):
        for number in range(4):
            turn = (await home.say(f"{number} {long}")).turn_id
            await home.answer(turn)
        found = await recorded(home, turn)
    assert recipe(found).left_out > 0
    assert len(recipe(found).parts) == 5 - recipe(found).left_out


async def test_a_retry_and_the_pause_before_it_are_steps_of_their_own(home: House) -> None:
    pace = {"tokens_per_second": 200.0, "answer_tokens": 30}
    turn = (await home.say("Tell me about herons")).turn_id
    broken = ScriptedEngine(ScriptedSettings(**pace, fail_after_tokens=20))
    async with working(home.worker(broken, "one")):
        await until(lambda: _closed(home, turn))
    async with working(home.worker(ScriptedEngine(ScriptedSettings(**pace)), "two")):
        await home.answer(turn)
        found = await recorded(home, turn)
    first, second = found.attempts
    assert (first.outcome, first.error) == ("retried", "engine_unavailable")
    assert second.resumed_tokens > 0
    assert second.recipe is None and recipe(found) == first.recipe
    [pause] = named(found, "pause")
    assert (pause.begins, pause.ends) == (first.closed_at, second.started_at)
    assert [one.mark for one in named(found, "attempt")] == ["failed", ""]


async def _closed(home: House, turn: int) -> bool:
    found = await trace(home, turn)
    return bool(found.attempts and found.attempts[0].outcome)


async def test_a_takeover_shows_the_silence_and_the_lost_worker_as_not_recorded(
    home: House,
) -> None:
    turn = (await home.say("Tell me about herons")).turn_id
    await home.turns.claim(Claimant("dead", 0.05, "scripted-1"), 1)
    async with working(home.worker(quick(), "two")):
        await home.answer(turn)
        found = await recorded(home, turn)
    first, second = found.attempts
    assert not first.recorded and first.closed_at is None
    assert second.recorded
    [takeover] = named(found, "takeover")
    assert takeover.facts == {"former": "dead", "worker": "two"}
    lost = [one for one in timeline_of(found).steps if not one.recorded]
    assert [(one.name, one.number) for one in lost if one.name != "acknowledged"] == [
        ("attempt", 1),
        ("context", 1),
    ]


async def test_an_answer_that_runs_is_seen_as_far_as_it_is(home: House) -> None:
    slow = ScriptedEngine(ScriptedSettings(tokens_per_second=10.0, answer_tokens=400))
    async with working(home.worker(slow)):
        turn = (await home.say("Tell me about herons")).turn_id
        await until(lambda: _begun(home, turn))
        found = await trace(home, turn)
        await home.service.stop(turn)
    [decode] = named(found, "decode")
    assert decode.mark == "open" and decode.begins is not None and decode.ends is None
    assert recipe(found).tokens


async def _begun(home: House, turn: int) -> bool:
    found = await trace(home, turn)
    return bool(found.attempts and found.attempts[0].first_token_at)


async def test_without_a_record_nothing_is_filled_in(home: House) -> None:
    async with working(home.worker(quick())):
        turn = (await home.say("Hello")).turn_id
        await home.answer(turn)
        await recorded(home, turn)
    await until(lambda: home.rows("SELECT FROM arrivals"))
    for table in ("traces", "arrivals"):
        await home.rows(f"DELETE FROM {table}")
    found = await trace(home, turn)
    assert found.recipe is None
    names = {one.name for one in timeline_of(found).steps if not one.recorded}
    assert names == {"received", "committed", "dispatched", "acknowledged", "context"}


async def test_records_fall_with_the_conversation_and_an_erased_one_harms_no_other(
    home: House,
) -> None:
    async with working(home.worker(quick())):
        turn = (await home.say("Hello")).turn_id
        await home.answer(turn)
        await recorded(home, turn)
    arrivals = Arrivals(home.database, home.clock)
    kept = await home.say("Hello", ANOTHER)
    arrivals.note(2**60, Arrival(), 0.0)  # of a message that is no more
    arrivals.note(kept.message_id, Arrival(), 0.0)
    await arrivals.write()
    mine = {"id": kept.message_id}
    assert await home.rows("SELECT FROM arrivals WHERE message_id = %(id)s", mine)
    await Erasure(home.database, home.redis).conversation(CHAT)
    assert await home.rows("SELECT FROM traces") == []
    assert await TraceReader(home.database).of(turn) is None


async def test_an_acknowledgement_is_waited_for_and_given_up(home: House) -> None:
    now = 1000.0
    arrivals = Arrivals(home.database, home.clock, lambda: now)
    late, never = [(await home.say(f"{n}")).message_id for n in range(2)]
    first, second = Arrival(), Arrival()
    arrivals.note(late, first, 999.0)
    arrivals.note(never, second, 999.0)
    await arrivals.write()
    first.acknowledge()
    await arrivals.write()
    now += WAIT_SECONDS + 1
    await arrivals.write()
    second.acknowledge()  # nobody looks any more
    await arrivals.write()
    found = await home.rows(
        "SELECT message_id, acknowledged_at IS NOT NULL AS known FROM arrivals"
        " WHERE message_id = ANY(%(ids)s) ORDER BY message_id",
        {"ids": [late, never]},
    )
    assert [tuple(row) for row in found] == [(late, True), (never, False)]


async def test_old_traces_are_pruned_and_newer_ones_stay(home: House) -> None:
    async with working(home.worker(quick())):
        turns = [(await home.say("Hello", chat)).turn_id for chat in (CHAT, ANOTHER)]
        for turn in turns:
            await home.answer(turn)
            await recorded(home, turn)
    await until(lambda: home.rows("SELECT FROM arrivals OFFSET 1"))
    old = "SET recorded_at = now() - interval '31 days'"
    await home.rows(f"UPDATE traces {old} WHERE turn_id = %(turn)s", {"turn": turns[0]})
    await home.rows(f"UPDATE arrivals {old}")
    pruned = await Pruning(home.database).prune_traces()
    assert pruned == 3
    assert await home.rows("SELECT turn_id FROM traces") == [(turns[1],)]
    assert await home.rows("SELECT FROM arrivals") == []


async def test_with_old_steps_go_the_edits_but_not_what_was_posted(home: House) -> None:
    async with working(home.worker(quick())):
        turns = [(await home.say("Hello", chat)).turn_id for chat in (CHAT, ANOTHER)]
        for turn in turns:
            await recorded(home, turn)
    await until(lambda: home.rows("SELECT FROM deliveries WHERE state = 'done' OFFSET 1"))
    calls = "SELECT kind FROM delivery_intents WHERE turn_id = %(turn)s ORDER BY id"
    newer = await home.rows(calls, {"turn": turns[1]})
    old = "UPDATE traces SET recorded_at = now() - interval '31 days' WHERE turn_id = %(turn)s"
    await home.rows(old, {"turn": turns[0]})
    await Pruning(home.database).prune_traces()
    assert await home.rows(calls, {"turn": turns[0]}) == [("placeholder",)]
    assert await home.rows(calls, {"turn": turns[1]}) == newer and ("final",) in newer
