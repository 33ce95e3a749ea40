"""Which days are shown, and in what periods."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.insight.choice import MOST_DAYS, Choice, Period, chosen
from assistant.insight.standing import Standing

TODAY = date(2026, 11, 26)
days = st.dates(date(2020, 1, 1), date(2026, 12, 31))


@given(days, st.integers(0, 1500))
def test_the_periods_hold_each_day_that_was_chosen_once(first: date, more: int) -> None:
    choice = Choice(first, first + timedelta(days=more))
    assert sum(choice.days_of(one) for one in choice.periods) == more + 1
    assert all(choice.days_of(one) > 0 for one in choice.periods)
    assert len(choice.periods) <= 110


@pytest.mark.parametrize(
    ("span", "period"), [(1, "day"), (92, "day"), (93, "week"), (731, "week"), (732, "month")]
)
def test_long_spans_are_shown_by_weeks_and_months(span: int, period: Period) -> None:
    assert Choice(TODAY - timedelta(days=span - 1), TODAY).period == period


def test_weeks_begin_on_monday_and_months_on_their_first_as_the_database_has_them() -> None:
    weeks = Choice(date(2026, 8, 20), TODAY)
    assert weeks.period == "week"
    assert weeks.periods[0] == date(2026, 8, 17)
    assert weeks.days_of(weeks.periods[0]) == 4
    months = Choice(date(2024, 2, 10), TODAY)
    assert months.periods[:2] == [date(2024, 2, 1), date(2024, 3, 1)]
    assert months.days_of(date(2024, 2, 1)) == 20
    assert months.days_of(date(2026, 11, 1)) == 26


def test_without_ends_it_is_the_last_days() -> None:
    choice = chosen(None, None, 30, TODAY, channel="slack")
    assert (choice.first, choice.last) == (date(2026, 10, 28), TODAY)
    assert choice.channel == "slack"


@given(st.none() | st.dates(), st.none() | st.dates())
def test_whatever_ends_are_given_the_span_can_be_read(
    first: date | None, last: date | None
) -> None:
    choice = chosen(first, last, 30, TODAY)
    assert choice.first <= choice.last <= TODAY
    assert (choice.last - choice.first).days < MOST_DAYS


def test_ends_that_are_the_wrong_way_round_are_turned() -> None:
    choice = chosen(date(2026, 5, 9), date(2026, 5, 2), 30, TODAY)
    assert (choice.first, choice.last) == (date(2026, 5, 2), date(2026, 5, 9))


def test_yesterday_is_read_live_until_it_is_closed() -> None:
    yesterday = TODAY - timedelta(days=1)
    assert Standing(TODAY, yesterday, date(2026, 1, 1)).live == [TODAY]
    waiting = Standing(TODAY, yesterday - timedelta(days=1), date(2026, 1, 1))
    assert waiting.live == [yesterday, TODAY]
    assert waiting.missing == 0


def test_days_that_nobody_has_counted_yet_are_known() -> None:
    assert Standing(TODAY, date(2026, 11, 20), date(2026, 1, 1)).missing == 4
    assert Standing(TODAY, None, date(2026, 11, 20)).missing == 5
    assert Standing(TODAY, None, TODAY).missing == 0
    assert Standing(TODAY, None, None).missing == 0
