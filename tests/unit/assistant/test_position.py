"""A reader's place in a reply: whatever is lost or comes twice, the text comes out whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.answering.deltas import Position
from assistant.answering.turns import Reply
from assistant.messages import ReplyDelta

TURN = 7


def delta(offset: int, text: str, attempt: int = 1, **values: str) -> ReplyDelta:
    return ReplyDelta(TURN, attempt, offset, text, **values)  # type: ignore[arg-type]


def stored(text: str, attempt: int = 1, state: str = "running") -> Reply:
    return Reply(state, attempt, text, "", "", 0, 0, "")  # type: ignore[arg-type]


def shown(held: str, delta: ReplyDelta) -> str:
    return held[: delta.offset] + delta.text


def test_deltas_in_order_pass_as_they_are() -> None:
    position = Position(TURN, 0)
    assert position.place(delta(0, "Hel")) == delta(0, "Hel")
    assert position.place(delta(3, "lo")) == delta(3, "lo")


def test_what_the_reader_has_is_not_given_again() -> None:
    position = Position(TURN, 3)
    assert position.place(delta(0, "Hello")) == delta(3, "lo")
    assert position.place(delta(0, "Hello")) is None


def test_an_end_that_says_less_than_the_reader_has_truncates() -> None:
    position = Position(TURN, 0)
    position.place(delta(0, "Hello there"))
    assert position.place(delta(5, "", state="stopped")) == delta(5, "", state="stopped")


def test_an_older_attempt_is_dropped_and_a_newer_one_truncates() -> None:
    position = Position(TURN, 0)
    position.place(delta(0, "The old ending"))
    assert position.place(delta(0, "Anew", attempt=2)) == delta(0, "Anew", attempt=2)
    assert position.place(delta(14, " goes on", attempt=1)) is None
    assert position.offset == 4


@pytest.mark.parametrize("left", ["The new ", ""], ids=["goes on", "begins anew"])
def test_a_newer_attempts_later_words_wait_for_what_it_goes_on_from(left: str) -> None:
    """Its first ones were lost: what the reader holds there may be another text."""
    held, position = "The old ending of it", Position(TURN, 0)
    position.place(delta(0, held))
    late = delta(8, "beginning", attempt=2)
    assert position.place(late) is None
    assert position.behind(late)
    for found in position.catch_up(stored(left, attempt=2), late):
        held = shown(held, found)
    if position.behind(late):
        assert position.place(late) is None
        (found,) = position.catch_up(stored("A whole new beginning", attempt=2, state="done"))
        assert shown(held, found) == "A whole new beginning"
    else:
        placed = position.place(late)
        assert placed is not None
        assert shown(held, placed) == "The new beginning"


def test_the_end_that_an_attempt_was_left_with_is_its_own_to_write() -> None:
    position = Position(TURN, 0)
    position.place(delta(0, "It goes on"))
    late = delta(3, "went", attempt=2)
    (found,) = position.catch_up(stored("It goe", attempt=2), late)
    assert (found.offset, found.text) == (0, "It ")
    assert position.place(late) == late


def test_a_gap_is_noticed_and_filled_from_the_checkpoint() -> None:
    position = Position(TURN, 0)
    position.place(delta(0, "One "))
    late = delta(8, "three")
    assert position.behind(late)
    assert position.place(late) is None
    (filled,) = position.catch_up(stored("One two "))
    assert (filled.offset, filled.text) == (4, "two ")
    assert position.place(late) == late


def test_the_end_is_given_once_even_if_its_delta_was_lost() -> None:
    position = Position(TURN, 0)
    (end,) = position.catch_up(stored("All of it", state="done"))
    assert (end.offset, end.text, end.state) == (0, "All of it", "done")


def test_the_checkpoint_of_a_newer_attempt_replaces_what_the_reader_holds() -> None:
    position = Position(TURN, 0)
    position.place(delta(0, "What the first attempt said"))
    (fresh,) = position.catch_up(stored("Another", attempt=2))
    assert shown("What the first attempt said", fresh) == "Another"


@given(
    st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=20),
    st.data(),
)
def test_any_loss_and_any_repetition_still_gives_the_whole_text(
    pieces: list[str], data: st.DataObject
) -> None:
    whole = "".join(pieces)
    offsets = [len("".join(pieces[:number])) for number in range(len(pieces))]
    position, held = Position(TURN, 0), ""
    for offset, piece in zip(offsets, pieces, strict=True):
        fate = data.draw(st.sampled_from(["comes", "is lost", "comes twice", "is checkpointed"]))
        arriving = {"comes": 1, "comes twice": 2}.get(fate, 0)
        for _ in range(arriving):
            placed = position.place(delta(offset, piece))
            held = held if placed is None else shown(held, placed)
        if fate == "is checkpointed":
            for found in position.catch_up(stored(whole[: offset + len(piece)])):
                held = shown(held, found)
        assert whole.startswith(held)
    for found in position.catch_up(stored(whole, state="done")):
        held = shown(held, found)
    assert held == whole
