"""Figures on a real PostgreSQL: what is counted where, kept once, and read live before that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
import pytest_asyncio

from assistant.insight.choice import Choice
from assistant.insight.closing import Closing
from assistant.insight.counts import Counts
from assistant.insight.figures import Figures, Report
from assistant.insight.group import Group
from assistant.storage.database import Database, open_database
from tests.support.past_turns import Past

TABLES = ("figure_days", "figures", "figure_latencies", "figure_people")


@dataclass(frozen=True, slots=True)
class Desk:
    database: Database
    past: Past
    figures: Figures
    closing: Closing
    today: date

    def at(self, days_ago: int, hour: int = 12) -> datetime:
        day = self.today - timedelta(days=days_ago)
        return datetime.combine(day, time(hour), UTC)

    async def report(self, days: int = 30, **which: object) -> Report:
        known = await self.figures.standing()
        choice = Choice(known.today - timedelta(days=days - 1), known.today, **which)  # type: ignore[arg-type]
        return await self.figures.report(choice, known)

    async def kept(self) -> list[list[object]]:
        """All that is kept, but when."""
        rows = [
            await self.database.rows(f"SELECT to_jsonb(t) - 'closed_at' FROM {one} AS t ORDER BY 1")
            for one in TABLES
        ]
        return [[row[0] for row in one] for one in rows]


@pytest_asyncio.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with open_database(database_url) as database:
        figures = Figures(database)
        today = (await figures.standing()).today
        yield Desk(database, Past(database), figures, Closing(database), today)


async def some_weeks(desk: Desk) -> list[int]:
    """Turns of three people, over two channels and two personas, up to yesterday."""
    ana, ben, cleo = [await desk.past.person(name) for name in ("Ana", "Ben", "Cleo")]
    for ago in (1, 2, 3, 9, 20):
        await desk.past.turn(desk.at(ago), person=ana, whole=1.0 + ago)
        await desk.past.turn(desk.at(ago), person=ben, channel="slack", persona="teacher")
        turn = await desk.past.turn(
            desk.at(ago, 13), person=ana, channel="slack", persona="teacher", version=2
        )
        await desk.past.thumb(turn, ana, -1 if ago == 2 else 1, desk.at(ago, 14))
    await desk.past.turn(desk.at(2), person=cleo, state="failed", first_token=None, shown=None)
    return [ana, ben, cleo]


async def test_closing_a_day_changes_no_figure(desk: Desk) -> None:
    await some_weeks(desk)
    choices = [{}, {"by": "channel"}, {"by": "persona"}, {"by": "version"}, {"channel": "slack"}]
    choices += [{"persona": "teacher", "version": 2, "by": "channel"}]
    yesterday = [await desk.report(2, **one) for one in choices]
    assert yesterday[0].whole.counts.turns == 3
    assert len(yesterday[0].standing.live) == 2
    assert await desk.closing.close_due() == 20
    for before, one in zip(yesterday, choices, strict=True):
        after = await desk.report(2, **one)
        assert len(after.standing.live) == 1
        assert replace(after, standing=before.standing) == before


async def test_each_day_is_closed_once_however_many_close_it(desk: Desk) -> None:
    await some_weeks(desk)
    closed = await asyncio.gather(*(desk.closing.close_due() for _ in range(3)))
    assert sum(closed) == 20
    kept = await desk.kept()
    assert await desk.closing.close_due() == 0
    assert await desk.kept() == kept
    assert (await desk.report()).whole.counts.turns == 16


async def test_the_day_that_runs_is_not_closed_and_is_read_live(desk: Desk) -> None:
    now = datetime.now(UTC)
    await desk.past.turn(now, person=await desk.past.person())
    assert await desk.closing.close_due() == 0
    report = await desk.report(2)
    assert (report.whole.counts.turns, report.whole.people.in_30_days) == (1, 1)
    await desk.past.turn(now, person=await desk.past.person())
    assert (await desk.report(2)).whole.people.in_30_days == 2


async def test_days_that_were_missed_are_caught_up_and_known_until_then(desk: Desk) -> None:
    await some_weeks(desk)
    assert (await desk.figures.standing()).missing == 19
    await desk.closing.close_next()
    assert (await desk.figures.standing()).missing == 18
    await desk.closing.close_due()
    assert (await desk.figures.standing()).missing == 0


async def test_what_is_erased_later_takes_no_count_with_it(desk: Desk) -> None:
    people = await some_weeks(desk)
    await desk.closing.close_due()
    before = await desk.report(30, by="version")
    await desk.database.rows("DELETE FROM conversations")
    await desk.database.rows("DELETE FROM persons WHERE id = ANY(%(ids)s)", {"ids": people})
    after = await desk.report(30, by="version")
    assert (after.groups, after.periods[:-1]) == (before.groups, before.periods[:-1])


async def test_a_turn_counts_on_the_day_on_which_it_ended_in_utc(desk: Desk) -> None:
    midnight = desk.at(2, 0)
    await desk.past.turn(midnight - timedelta(milliseconds=1))
    await desk.past.turn(midnight, whole=3600.0)
    await desk.closing.close_due()
    by_day = {line.period: line.counts.turns for line in (await desk.report(4)).periods}
    assert [by_day[(midnight - timedelta(days=ago)).date()] for ago in (1, 0, -1)] == [1, 1, 0]


async def test_messages_count_once_and_a_request_of_the_api_as_one(desk: Desk) -> None:
    first = await desk.past.turn(desk.at(2), messages=3)
    await desk.past.turn(desk.at(2), place=first, messages=3)
    await desk.past.turn(desk.at(2), channel="api", messages=9)
    await desk.closing.close_due()
    report = await desk.report(3, by="channel")
    assert report.whole.counts.turns == 3
    assert {line.group.name: line.counts.messages for line in report.groups} == {
        "telegram": 3,
        "api": 1,
    }


async def test_experiments_of_admins_count_nowhere(desk: Desk) -> None:
    person = await desk.past.person()
    turn = await desk.past.turn(desk.at(1), channel="admin")
    await desk.past.thumb(turn, person, 1, desk.at(1))
    await desk.closing.close_due()
    report = await desk.report()
    assert (report.whole.counts, report.whole.latencies, report.known) == (Counts(), {}, [])


async def test_a_thumb_counts_on_its_own_day_for_the_version_that_answered(desk: Desk) -> None:
    person = await desk.past.person()
    turn = await desk.past.turn(desk.at(5), person=person, persona="teacher", version=2)
    await desk.past.turn(desk.at(5), person=person, persona="teacher", version=3)
    await desk.past.thumb(turn, person, 1, desk.at(1))
    await desk.closing.close_due()
    report = await desk.report(by="version")
    liked = {line.group: line.counts.liked for line in report.groups}
    assert liked == {Group("teacher", 2): 1.0, Group("teacher", 3): None}
    on = [line.period for line in report.periods if line.counts.thumbs_up]
    assert on == [desk.at(1).date()]


async def test_each_state_is_counted_and_shares_are_of_what_is_there(desk: Desk) -> None:
    assert (await desk.report()).whole.counts.lost is None
    for state in ("done", "done", "stopped", "cancelled", "failed"):
        await desk.past.turn(desk.at(1), state=state)
    counts = (await desk.report()).whole.counts
    assert (counts.done, counts.stopped, counts.cancelled, counts.failed) == (2, 1, 1, 1)
    assert (counts.turns, counts.lost, counts.liked) == (5, 0.2, None)
    assert (counts.prompt_tokens, counts.output_tokens, counts.cached) == (500, 100, 0.6)


async def test_percentiles_of_many_days_are_those_of_all_answers_within_their_bucket(
    desk: Desk,
) -> None:
    """Answers of 1 to 100 s, spread over five days: half were there after 50 s."""
    for seconds in range(1, 101):
        await desk.past.turn(
            desk.at(1 + seconds % 5), whole=float(seconds), first_token=seconds / 10, shown=None
        )
    await desk.closing.close_due()
    found = (await desk.report()).whole.latencies
    assert set(found) == {"first_token", "whole"}
    for measure, scale in (("first_token", 0.1), ("whole", 1.0)):
        timed = found[measure]  # type: ignore[index]
        assert timed.answers == 100
        exact = [50 * scale, 90 * scale, 99 * scale]
        assert [timed.p50, timed.p90, timed.p99] == pytest.approx(exact, rel=0.05)


async def test_the_first_token_is_timed_by_the_trace_where_there_is_one(desk: Desk) -> None:
    turn = await desk.past.turn(desk.at(1), first_token=1.4, whole=2.0)
    came = desk.at(1) - timedelta(seconds=2)
    for attempt, after in ((1, 0.2), (2, 1.1)):
        await desk.database.rows(
            "INSERT INTO traces (turn_id, attempt, profile, model, first_token_at)"
            " VALUES (%(turn)s, %(attempt)s, 'demo', 'small', %(at)s)",
            {"turn": turn, "attempt": attempt, "at": came + timedelta(seconds=after)},
        )
    found = (await desk.report()).whole.latencies["first_token"]
    assert found.p50 == pytest.approx(0.2, rel=0.05)


async def test_what_failed_or_was_cut_off_is_no_measure_of_a_whole_answer(desk: Desk) -> None:
    for state in ("failed", "cancelled"):
        await desk.past.turn(desk.at(1), state=state)
    await desk.past.turn(desk.at(1), state="stopped")
    found = (await desk.report()).whole.latencies
    assert {measure: one.answers for measure, one in found.items()} == {
        "first_token": 1,
        "first_visible": 1,
    }


async def test_a_channel_and_a_persona_are_shown_alone_and_beside_others(desk: Desk) -> None:
    await some_weeks(desk)
    await desk.closing.close_due()
    slack = await desk.report(channel="slack", by="version")
    assert slack.whole.counts.turns == 10
    assert [(line.group, line.counts.turns) for line in slack.groups] == [
        (Group("teacher", 1), 5),
        (Group("teacher", 2), 5),
    ]
    assert slack.groups[1].counts.liked == 0.8
    assert set(slack.known) == {
        ("telegram", "default", 1),
        ("slack", "teacher", 1),
        ("slack", "teacher", 2),
    }
    one = await desk.report(persona="teacher", version=2)
    assert (one.whole.counts.turns, one.whole.people.in_30_days) == (5, None)
    assert one.whole.latencies["whole"].answers == 5
    weekly = await desk.report(100, by="channel")
    assert sum(line.counts.turns for line in weekly.both) == weekly.whole.counts.turns == 16


async def test_turns_from_before_personas_were_recorded_have_a_name_of_their_own(
    desk: Desk,
) -> None:
    await desk.past.turn(desk.at(1), persona="", version=None)
    [line] = (await desk.report(by="version")).groups
    assert line.group == Group("?", 0)
