"""How far a word is from the one that was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.insight.spelling import allowed, distance, swapped


@pytest.mark.parametrize(
    ("typed", "meant", "slips"),
    [
        ("capital", "capital", 0),
        ("captial", "capital", 1),
        ("capitl", "capital", 1),
        ("kapital", "capital", 1),
        ("cappital", "capital", 1),
        ("capture", "capital", None),
        ("teh", "the", 1),
        ("cat", "dog", None),
        ("", "", 0),
    ],
)
def test_a_slip_is_a_letter_lost_added_changed_or_swapped(
    typed: str, meant: str, slips: int | None
) -> None:
    assert distance(typed, meant, allowed(typed)) == slips


def test_each_two_neighbours_change_places() -> None:
    assert swapped("abca") == ["baca", "acba", "abac"]
    assert swapped("aa") == swapped("a") == swapped("") == []


@given(st.text("abc", max_size=7), st.text("abc", max_size=7))
def test_it_is_the_same_both_ways_and_never_more_than_was_allowed(one: str, other: str) -> None:
    assert distance(one, other, 3) == distance(other, one, 3)
    for most in range(8):
        found = distance(one, other, most)
        assert found is None or found <= most
        if found is None:
            further = distance(one, other, 20)
            assert further is not None and further > most
