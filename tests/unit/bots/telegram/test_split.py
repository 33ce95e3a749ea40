"""Cutting replies: always within the limit, nothing lost, and earlier pieces never change."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bots.telegram.text.render import render
from bots.telegram.text.split import split

SHORT = ["word", "ein längeres Wort ", "**bold** ", "`code`", "[a](https://x.y/z)", "😀", "é"]
BLOCKS = ["\n", "\n\n", "- ", "1. ", "# ", "> ", "---\n", "```py\n", "```\n", "``", "~~~\n"]
PARTS = ["| a | b |\n", "|---|---|\n", "|", " ", "  - ", "&amp;", "<b>", "\\", "*", "_", "\r\n"]
LONG = ["x" * 700, "🇩🇪" * 300, "e\u0301" * 500, "lorem ipsum " * 80, "line\n" * 150, "a|" * 300]
WORDS = st.sampled_from([*SHORT, *BLOCKS, *PARTS, *LONG])
MARKDOWN = st.lists(WORDS, max_size=60).map("".join)


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@given(MARKDOWN)
@settings(max_examples=150, deadline=None)
def test_every_piece_renders_within_telegrams_limit(text: str) -> None:
    for piece in split(text):
        rendered = render(piece)
        assert 0 < units(rendered.text) <= 4096
        for entity in rendered.entities:
            assert 0 <= entity.offset < entity.offset + entity.length <= units(rendered.text)
            coded = rendered.text.encode("utf-16-le")
            end = 2 * (entity.offset + entity.length)
            coded[2 * entity.offset : end].decode("utf-16-le")  # fails on half a character


@given(MARKDOWN, MARKDOWN)
@settings(max_examples=150, deadline=None)
@example("```py\n" + "x" * 3970 + "\n``", "`\nafter")
@example("a\r", "\nb")
def test_appending_changes_only_the_last_piece(text: str, more: str) -> None:
    before, after = split(text), split(text + more)
    assert list(after[: len(before[:-1])]) == list(before[:-1])
    assert len(after) >= len(before)


@given(MARKDOWN, st.integers(min_value=1, max_value=50))
@settings(max_examples=50, deadline=None)
def test_growing_by_small_steps_never_moves_a_cut(text: str, step: int) -> None:
    closed: list[str] = []
    for end in range(max(len(text) - 600, 0), len(text) + 1, step):
        pieces = list(split(text[:end]))
        assert pieces[: len(closed)] == closed
        closed = pieces[:-1]


@given(st.text(alphabet="ab äß😀é \n.,", max_size=300).map(lambda text: text * 60))
@settings(max_examples=50, deadline=None)
def test_no_visible_character_of_prose_is_lost(text: str) -> None:
    shown = "".join(render(piece).text for piece in split(text))
    assert re.sub(r"\s", "", shown) == re.sub(r"\s", "", text)


@given(st.lists(st.sampled_from(["x = 1", "", "  y", "``", "a | b", "z" * 900]), max_size=80))
@settings(max_examples=60, deadline=None)
def test_a_long_code_block_goes_on_as_code_of_its_language(lines: list[str]) -> None:
    code = "\n".join(["first", *lines, "last"])
    pieces = split(f"```python\n{code}\n```\n")
    shown = [render(piece) for piece in pieces]
    assert re.sub(r"\s", "", "".join(r.text for r in shown)) == re.sub(r"\s", "", code)
    for rendered in shown:
        (entity,) = rendered.entities
        assert (entity.type, entity.language) == ("pre", "python")
        assert entity.length == units(rendered.text) or rendered.text != rendered.text.strip()


def test_prose_is_cut_between_its_paragraphs() -> None:
    paragraph = "\n".join(["word " * 24 + "end"] * 5)
    pieces = split("\n\n".join([paragraph] * 10))
    assert len(pieces) == 2
    for piece in pieces:
        assert set(piece.split("\n\n")) == {paragraph}


@pytest.mark.parametrize("whole", ["👨‍👩‍👧", "🇩🇪", "e\u0301\u0323", "👍🏽", "1\ufe0f\u20e3"])
def test_a_cut_never_goes_through_what_is_seen_as_one_character(whole: str) -> None:
    for shift in range(len(whole)):
        pieces = split("x" * shift + whole * 3000)
        assert len(pieces) > 1
        for piece in pieces[1:]:
            assert piece.startswith(whole)


def test_a_code_block_that_just_fits_leaves_no_empty_message_behind() -> None:
    for length in range(3950, 4010):
        pieces = split("```py\n" + "x" * length + "\n```\n")
        assert all("x" in render(piece).text for piece in pieces)


def test_blank_text_has_no_pieces_and_any_other_has() -> None:
    assert list(split(" \n\t\n")) == []
    assert list(split("```")) == ["```"]


def test_the_kind_of_line_ends_does_not_matter() -> None:
    text = "```py\n" + "line of code\n" * 500 + "```\n\n" + "- item\n" * 900
    assert split(text.replace("\n", "\r")) == split(text.replace("\n", "\r\n")) == split(text)
