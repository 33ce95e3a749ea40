"""What is typed to search, as Postgres looks for it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import SearchRefused
from assistant.insight.search_query import MOST_CHARACTERS, query_of


def written(text: str) -> str:
    query = query_of(text)
    assert query is not None
    return query.tsquery()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("capital", "('capital':*)"),
        ("an inn", "('an') & ('inn')"),
        ('"of France"', "('of' <-> 'france')"),
        ("foo-bar", "('foo' <-> 'bar')"),
        ("東京 capital", "('東' <-> '京') & ('capital':*)"),
        ("capital -Rome", "('capital':*) & !('rome')"),
        ('capital -"of France', "('capital':*) & !('of' <-> 'france')"),
        ("capital & | !", "('capital':*)"),
    ],
)
def test_words_phrases_and_exclusions_are_understood(typed: str, expected: str) -> None:
    assert written(typed) == expected


@given(st.text(max_size=MOST_CHARACTERS))
def test_whatever_is_typed_is_words_and_our_own_signs_alone(typed: str) -> None:
    try:
        query = query_of(typed)
    except SearchRefused:
        return
    if query is not None:
        signs = re.sub(r"'[^'\\]+'", "", query.tsquery())
        assert set(signs) <= set("()&|!<-> :*")


@pytest.mark.parametrize("typed", ["", "   "])
def test_nothing_typed_looks_for_no_words(typed: str) -> None:
    assert query_of(typed) is None


@pytest.mark.parametrize("typed", ["-rome", "!!!", "x" * 401, "a b c d e f g h i j k l m n o p q"])
def test_what_cannot_be_looked_for_is_refused_in_a_sentence(typed: str) -> None:
    with pytest.raises(SearchRefused, match=r"^[A-Z].*\.$"):
        query_of(typed)


def test_words_like_those_typed_count_beside_them() -> None:
    query = query_of("captial rome")
    assert query is not None
    similar = {"captial": ["capital", "capitals"]}
    assert query.tsquery(similar) == "('captial':* | 'capital' | 'capitals') & ('rome':*)"
    assert query.single_words == ["captial", "rome"]


def test_a_longer_word_marks_what_begins_with_it() -> None:
    query = query_of('capital an "of france" -rome')
    assert query is not None
    assert [w for w in ("capitals", "an", "any", "of", "rome") if query.finds(w)] == [
        "capitals",
        "an",
        "of",
    ]
