"""Words as search has them: the same for what is stored and for what is typed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.search_text import MOST_BYTES, MOST_WORDS, entry_of, fold, spelling, words


def of(text: str) -> list[str]:
    return [word.text for word in words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The CAPITAL, of „Österreich“ – 42!", ["the", "capital", "of", "osterreich", "42"]),
        ("Straße", ["strasse"]),
        ("cafe\u0301 café", ["cafe", "cafe"]),
        ("snake_case foo-bar", ["snake", "case", "foo", "bar"]),
        ("كِتَاب كتاب", ["كتاب", "كتاب"]),
        ("首都は東京", ["首", "都", "は", "東", "京"]),
        ("हिन्दी", ["हिनदी"]),
        ("", []),
        ("' \\ & | ! : * ( )", []),
    ],
)
def test_words_have_no_case_no_accents_and_no_punctuation(text: str, expected: list[str]) -> None:
    assert of(text) == expected


@given(st.text())
def test_a_word_stands_where_it_is_said_to(text: str) -> None:
    for word in words(text):
        assert fold(text[word.start : word.end]) == word.text


@given(st.lists(st.text(), max_size=4))
def test_an_entry_is_nothing_but_quoted_words_and_positions(texts: list[str]) -> None:
    entry = entry_of(texts)
    for one in filter(None, entry.vector.split(" ")):
        assert re.fullmatch(r"'[^'\\\s]+':\d+(,\d+)*", one), one


def test_a_word_is_the_same_however_it_was_typed() -> None:
    assert of("ÉCOLE") == of("école") == of("e\u0301cole") == of("Ecole")


def test_no_phrase_goes_from_one_text_into_the_next() -> None:
    assert entry_of(["one", "two"]).vector == "'one':1 'two':12"


def test_an_entry_is_never_larger_than_postgres_takes() -> None:
    many = " ".join(f"w{number:0>60}" for number in range(30_000))
    entry = entry_of([many, many])
    assert len(entry.words) <= MOST_WORDS
    assert sum(map(len, entry.words)) < MOST_BYTES + 64
    assert len(entry.vector) < 1_000_000


def test_a_word_of_another_script_is_spelt_in_ascii() -> None:
    assert spelling("capital") == "capital"
    assert spelling("كتاب").isascii()
    assert spelling("كتاب") != spelling("كتب")
