"""Quotas as values: what is spent of which, and when it begins anew."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.incoming.quota import Quota, Spent, Standing, ends
from assistant.phrases import say

NOW = datetime(2026, 1, 31, 22, 30, tzinfo=UTC)
LIMITS = st.one_of(st.none(), st.integers(0, 1000))
QUOTAS = st.builds(Quota, LIMITS, LIMITS, LIMITS, LIMITS)
USED = st.integers(0, 1000)
SPENTS = st.builds(Spent, USED, USED, USED, USED)


def standing(quota: Quota, spent: Spent) -> Standing:
    return Standing("person", quota, spent)


@given(QUOTAS, SPENTS)
def test_there_is_an_excess_just_where_a_limit_is_reached(quota: Quota, spent: Spent) -> None:
    one = standing(quota, spent)
    reached = [line for line in one.lines() if line.used >= line.limit]
    assert (one.excess() is not None) == bool(reached)
    assert all(0 <= line.percent <= 100 for line in one.lines())


@given(QUOTAS, SPENTS)
def test_who_writes_nothing_is_asked_for_tokens_alone(quota: Quota, spent: Spent) -> None:
    found = standing(quota, spent).excess(writes=False)
    assert found is None or found.what == "tokens"


def test_of_two_that_are_spent_the_one_that_lasts_longer_is_told() -> None:
    line = standing(Quota(10, 20), Spent(30, 30)).excess()
    assert line is not None
    assert line.period == "month"


@pytest.mark.parametrize(
    ("period", "then"),
    [("day", datetime(2026, 2, 1, tzinfo=UTC)), ("month", datetime(2026, 2, 1, tzinfo=UTC))],
)
def test_a_day_and_a_month_end_at_midnight(period: str, then: datetime) -> None:
    assert ends(period, NOW) == then  # type: ignore[arg-type]
    assert ends("month", datetime(2026, 12, 1, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)
    assert ends("day", datetime(2028, 2, 28, 0, 0, tzinfo=UTC)) == datetime(2028, 2, 29, tzinfo=UTC)


def test_the_sentence_says_how_long_it_takes() -> None:
    line = standing(Quota(messages_per_day=2), Spent(messages_per_day=2)).excess()
    assert line is not None
    assert "in 1 h 30 min" in str(line.refusal(NOW))
    assert "in 1 Std. 30 Min." in say(line.refusal(NOW), "de")
    month = standing(Quota(tokens_per_month=1), Spent(tokens_per_month=2)).excess()
    assert month is not None
    assert "in 20 days" in str(month.refusal(datetime(2026, 1, 11, 22, tzinfo=UTC)))
    assert "in 1 h 30 min" in str(month.refusal(NOW))  # the last day of the month
