"""The piece of a text that is shown with what was found in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assistant.insight.snippets import LONGEST, snippet


def marked(text: str, *wanted: str) -> list[str]:
    return [piece.text for piece in snippet(text, lambda word: word in wanted) if piece.marked]


def test_it_shows_the_text_around_the_first_word_that_was_looked_for() -> None:
    text = "word " * 100 + "and the Capital of it" + " word" * 100
    pieces = snippet(text, lambda word: word == "capital")
    assert [piece.text for piece in pieces if piece.marked] == ["Capital"]
    assert pieces[0].text == "… "
    assert pieces[-1].text == " …"
    assert sum(len(piece.text) for piece in pieces) <= LONGEST + 4


def test_a_text_without_the_words_is_shown_from_its_start() -> None:
    assert [piece.text for piece in snippet("Nothing of it", lambda word: False)] == [
        "Nothing of it"
    ]
    assert snippet("", lambda word: True) == []


def test_words_are_marked_as_they_were_written() -> None:
    assert marked("Österreich, OSTERREICH", "osterreich") == ["Österreich", "OSTERREICH"]


@given(st.text(max_size=300), st.sets(st.text(min_size=1, max_size=2)))
def test_nothing_is_added_to_the_text_and_nothing_changed(text: str, wanted: set[str]) -> None:
    pieces = snippet(text, lambda word: word[:2] in wanted)
    shown = "".join(piece.text for piece in pieces)
    assert shown.removeprefix("… ").removesuffix(" …") in text or shown in text
