"""A reply cut into Slack messages."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.graphemes import is_boundary
from bots.slack.split import PIECE_UNITS, closed, split, utf16_units

UNITS = 120  # small pieces, so that short texts have many

# What must never be cut in two, as people see it
WHOLE = (
    "👩‍👩‍👧‍👦",
    "👍🏽",
    "🏴󠁧󠁢󠁳󠁣󠁴󠁿",
    "🇫🇷",
    "❤️",
    "1️⃣",
    "e\u0301\u0323",
    "क्षि",
    "각",
    "\r\n",
)
LINES = st.sampled_from(
    ["```", "```python", "~~~", "````", "- item", "", "x = 1", "a `b` c", "  ```js", "```x y"]
)
TEXTS = st.lists(
    LINES | st.text(max_size=40) | st.sampled_from(WHOLE) | st.just("word " * 30), max_size=40
).map("\n".join)


def flat(text: str) -> str:
    return re.sub(r"\s", "", text)


@given(TEXTS)
def test_every_piece_fits_and_none_is_blank(text: str) -> None:
    pieces = split(text, UNITS)
    assert bool(pieces) == bool(text.strip())
    for piece in pieces:
        assert piece.strip()
        assert utf16_units(piece) <= UNITS


@given(TEXTS, TEXTS)
def test_a_growing_text_changes_no_piece_but_the_last(text: str, more: str) -> None:
    before, after = split(text, UNITS), split(text + more, UNITS)
    settled = before[:-1]
    assert after[: len(settled)] == settled
    assert len(after) >= len(before)


@given(TEXTS, st.sampled_from(["```", "~~~~", "``x", "```\n", "```x"]))
def test_a_text_that_grows_by_characters_never_takes_a_piece_back(text: str, tail: str) -> None:
    whole = "```py\n" + text + "\n" + tail
    counts = [len(split(whole[:end], UNITS)) for end in range(len(whole) + 1)]
    assert counts == sorted(counts)


@given(st.text(alphabet=st.characters(exclude_characters="`~"), max_size=600))
def test_nothing_but_blanks_at_a_cut_is_lost(text: str) -> None:
    assert flat("".join(split(text, UNITS))) == flat(text)


@given(st.lists(st.sampled_from([*WHOLE, "a", "ab ", "\n"]), max_size=400).map("".join))
def test_no_visible_character_is_cut(text: str) -> None:
    whole = flat("".join(split(text, UNITS)))
    assert whole == flat(text)
    for piece in split(text, UNITS)[1:]:
        assert not re.match("[\u0300-\u036f\u200d\ufe0f\u20e3\U0001f3fb-\U0001f3ff]", piece)
        assert not re.match("[\U000e0020-\U000e007f\u093f\u094d\u11a8]", piece)


@given(st.integers(1, 200))
def test_a_row_of_flags_is_cut_between_flags(count: int) -> None:
    for piece in split("🇫🇷" * count, UNITS):
        assert piece == "🇫🇷" * (len(piece) // 2)


@given(st.lists(st.text("abc =\n", min_size=1), min_size=1).map("".join), st.sampled_from("`~"))
def test_a_code_block_that_is_cut_is_one_in_each_piece(code: str, mark: str) -> None:
    fence = mark * 3
    pieces = split(f"{fence}python\n{code}\n{fence}", UNITS)
    for piece in pieces:
        lines = piece.split("\n")
        assert lines[0] == f"{fence}python"
        assert lines[-1] == fence
        assert piece.count(fence) == 2
    body = [line for piece in pieces for line in piece.split("\n")[1:-1]]
    assert flat("".join(body)) == flat(code)


def test_what_follows_a_code_block_that_ended_is_no_code() -> None:
    text = "```\n" + "x = 1\n" * 30 + "```\n" + "and so on, " * 20
    last = split(text, UNITS)[-1]
    assert "```" not in last
    assert "and so on" in last


@pytest.mark.parametrize("text", ["", " \n\t", "\n" * 20_000])
def test_a_blank_text_has_no_pieces(text: str) -> None:
    assert split(text) == []


def test_paragraphs_are_preferred_to_lines_and_lines_to_words() -> None:
    words = "word " * 20
    assert split(f"{words}\n\n{words}", 180) == [words, words]
    assert split(f"{words}\n{words}", 180) == [words, words]
    assert split(words * 2, 180)[0].endswith("word ")


def test_a_text_of_full_size_is_one_piece_and_one_more_makes_two() -> None:
    assert split("x" * PIECE_UNITS) == ["x" * PIECE_UNITS]
    assert len(split("x" * (PIECE_UNITS + 1))) == 2


def test_one_character_longer_than_a_piece_is_cut_all_the_same() -> None:
    assert "".join(split("e" + "\u0301" * 500, UNITS)) == "e" + "\u0301" * 500


@pytest.mark.parametrize("whole", WHOLE)
def test_what_people_see_as_one_has_no_boundary_inside(whole: str) -> None:
    assert [at for at in range(1, len(whole)) if is_boundary(whole, at)] == []


def test_an_open_code_block_is_closed() -> None:
    assert closed("```py\nx") == "```py\nx\n```"
    assert closed("```py\nx\n```") == "```py\nx\n```"
    assert closed("~~~~\n```\n~~~") == "~~~~\n```\n~~~\n~~~~"
    assert closed("no `code` block") == "no `code` block"
