"""A comparison shows both texts whole, and what they share once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bots.admin.text_diff import Piece, diff

TEXTS = st.text(st.sampled_from("ab \n"), max_size=40) | st.text(max_size=40)


@given(before=TEXTS, after=TEXTS)
def test_without_what_came_it_is_the_first_and_without_what_went_the_second(
    before: str, after: str
) -> None:
    pieces = diff(before, after)
    assert "".join(one.text for one in pieces if one.kind != "new") == before
    assert "".join(one.text for one in pieces if one.kind != "gone") == after


@given(TEXTS)
def test_of_one_text_twice_nothing_came_and_nothing_went(text: str) -> None:
    assert {one.kind for one in diff(text, text)} <= {"same"}


def test_a_word_that_is_another_is_shown_as_gone_and_come() -> None:
    assert diff("Explain it kindly to all.", "Explain it strictly to all.") == [
        Piece("same", "Explain it"),
        Piece("gone", " kindly"),
        Piece("new", " strictly"),
        Piece("same", " to all."),
    ]
