"""How many different people were active, and the months against the licence's line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, time, timedelta

import pytest_asyncio

from assistant.insight.choice import Choice
from assistant.insight.closing import Closing
from assistant.insight.figures import Figures, Report
from assistant.insight.group import Group
from assistant.insight.monthly import LICENCE_LINE, Month
from assistant.insight.so_far import so_far
from assistant.storage.database import Database, open_database
from tests.support.past_turns import Past


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened


async def report(database: Database, days: int, **which: object) -> Report:
    figures = Figures(database)
    known = await figures.standing()
    first = known.today - timedelta(days=days - 1)
    return await figures.report(Choice(first, known.today, **which), known)  # type: ignore[arg-type]


async def test_somebody_on_two_channels_is_one_person(database: Database) -> None:
    past, noon = Past(database), await noons(database)
    ana, ben = await past.person("Ana"), await past.person("Ben")
    for ago in (1, 2):
        await past.turn(noon(ago), person=ana)
        await past.turn(noon(ago), person=ana, channel="slack", persona="teacher")
    await past.turn(noon(2), person=ben, channel="slack", persona="teacher", version=2)
    await Closing(database).close_due()
    found = await report(database, 4, by="channel")
    by_day = {line.period: line.people.a_day for line in found.periods}
    assert [by_day[noon(ago).date()] for ago in (3, 2, 1, 0)] == [0, 2, 1, 0]
    assert found.whole.people.in_30_days == 2
    assert found.whole.people.a_day == 0.75
    people = {line.group.name: line.people for line in found.groups}
    assert (people["telegram"].in_30_days, people["slack"].in_30_days) == (1, 2)
    assert (people["telegram"].a_day, people["slack"].a_day) == (0.5, 0.75)
    versions = await report(database, 4, persona="teacher", by="version")
    assert versions.whole.people.a_day == 0.75
    assert {line.group: line.people.a_day for line in versions.groups} == {
        Group("teacher", 1): 0.5,
        Group("teacher", 2): 0.25,
    }


async def test_thirty_days_hold_no_day_more(database: Database) -> None:
    past, noon = Past(database), await noons(database)
    await past.turn(noon(30), person=await past.person())
    await past.turn(noon(29), person=await past.person())
    await Closing(database).close_due()
    found = await report(database, 40)
    by_day = {line.period: line.people.in_30_days for line in found.periods}
    assert [by_day[noon(ago).date()] for ago in (30, 29, 2, 1, 0)] == [1, 2, 2, 2, 1]


async def test_each_calendar_month_has_its_people_also_after_they_were_erased(
    database: Database,
) -> None:
    past, today = Past(database), (await Figures(database).standing()).today
    months = [today.replace(day=1)]
    for _ in range(2):
        months.insert(0, (months[0] - timedelta(days=1)).replace(day=1))
    ana, ben = await past.person("Ana"), await past.person("Ben")
    await past.turn(noon_of(months[0]), person=ana)
    await past.turn(noon_of(months[0]) + timedelta(days=20), person=ana)
    await past.turn(noon_of(months[0]) + timedelta(days=21), person=ben)
    await past.turn(noon_of(months[1]), person=ben)
    await past.turn(datetime.now(UTC), person=ben)
    await Closing(database).close_due()
    figures = Figures(database)
    found = await figures.months(await figures.standing())
    assert [(one.begins, one.people) for one in found] == list(zip(months, (2, 1, 1), strict=True))
    assert (found[1].until, found[2].until) == (months[2] - timedelta(days=1), today)
    await database.rows("DELETE FROM persons WHERE id = %(id)s", {"id": ben})
    erased = await figures.months(await figures.standing())
    assert [one.people for one in erased] == [2, 1, 0]


def test_the_share_is_of_the_licences_line() -> None:
    assert LICENCE_LINE == 700_000_000
    month = date(2026, 10, 1)
    assert Month(month, month, 7_000_000).share == 0.01


async def noons(database: Database) -> Callable[[int], datetime]:
    """Noon of so many days ago."""
    today = (await Figures(database).standing()).today
    return lambda ago: noon_of(today - timedelta(days=ago))


def noon_of(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


async def test_today_and_the_month_so_far(database: Database) -> None:
    past, now = Past(database), datetime.now(UTC)
    begins = noon_of(now.date().replace(day=1))
    ana, ben = await past.person("Ana"), await past.person("Ben")
    await past.turn(begins - timedelta(days=1), person=await past.person("Cleo"))
    await past.turn(now, person=ana, channel="slack")
    await past.turn(now, person=ana, state="failed")
    before = await so_far(database)
    assert (before.today.turns, before.today.failed, before.people_today) == (2, 1, 1)
    await past.turn(begins, person=ben)
    await Closing(database).close_due()
    found = await so_far(database)
    today = 3 if begins.date() == now.date() else 2
    assert (found.today.turns, found.month.turns) == (today, 3)
    assert (found.people_today, found.people_month) == (today - 1, 2)


async def test_on_the_31st_the_month_has_a_day_more_than_the_thirty(database: Database) -> None:
    past, figures = Past(database), Figures(database)
    last = (await figures.standing()).today
    while last.day != 31:
        last -= timedelta(days=1)
    await past.turn(noon_of(last.replace(day=1)), person=await past.person("Ana"))
    await past.turn(noon_of(last), person=await past.person("Ben"))
    await Closing(database).close_due()
    found = await figures.report(Choice(last, last), await figures.standing())
    assert (found.whole.people.in_30_days, found.whole.people.in_month) == (1, 2)
