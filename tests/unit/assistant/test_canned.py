"""Phrases are found where their words stand, however they are written, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.answering.canned import Book, Canned, is_open, words_of

WORDS = st.lists(st.sampled_from(["a", "b", "ab", "ba", "über"]), max_size=12)
PHRASE = st.lists(st.sampled_from(["a", "b", "ab", "über"]), min_size=1, max_size=3)


def found(phrase: str, *texts: str, whole: bool = False) -> bool:
    return Book([Canned(1, (phrase,), whole=whole)]).find(texts, 1, people=True) is not None


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("opening hours", "What are your OPENING,  hours?"),
        ("Kündigung", "kundigung"),
        ("refund*", "I want Refunds!"),
        ("my refund*", "Where is my refunding"),
        ("天気", "今日の天気は"),
        ("ประกัน", "เรื่องประกันภัย"),
        ("مدرسة", "في مَدْرَسة"),
        ("straße", "STRASSE"),
        ("secret", "se\u200bcr\u00adet"),
        ("ﬁle", "the file"),
    ],
)
def test_it_is_found_however_it_is_written(phrase: str, text: str) -> None:
    assert found(phrase, text)


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("opening hours", "opening the hours"),
        ("hours", "hoursglass"),
        ("refund*", "a prerefund"),
        ("a.*b", "a x b"),
        ("天気", "天の気"),
        ("opening hours", "opening"),
    ],
)
def test_it_is_not_found_where_other_words_stand(phrase: str, text: str) -> None:
    assert not found(phrase, text)


def test_a_whole_message_is_the_phrase_and_nothing_besides() -> None:
    assert found("hello", "Hello!", whole=True)
    assert found("hel*", "Hello!", whole=True)
    assert not found("hello", "Hello you", whole=True)
    assert not found("hello", "Oh, hello", whole=True)


@given(phrase=PHRASE, text=WORDS, star=st.booleans())
def test_it_is_found_exactly_where_its_words_stand_in_a_row(
    phrase: list[str], text: list[str], star: bool
) -> None:
    *before, last = phrase
    expected = any(
        text[place : place + len(before)] == before
        and any(
            one == last or (star and one.startswith(last))
            for one in text[place + len(before) : place + len(phrase)]
        )
        for place in range(len(text))
    )
    assert found(" ".join(phrase) + "*" * star, " ".join(text)) is expected


@given(st.text(max_size=200))
def test_a_text_is_found_by_itself(text: str) -> None:
    if words_of(text) and not is_open(text):
        assert found(text, text, whole=True)


def test_what_blocks_goes_before_what_answers_and_elder_before_newer() -> None:
    book = Book(
        [
            Canned(3, ("heron",), answer="3"),
            Canned(1, ("a heron",)),
            Canned(7, ("heron",), blocks=True),
        ]
    )
    blocked = book.find(["a heron"], 1, people=True)
    assert blocked is not None and blocked.id == 7
    answered = Book([Canned(3, ("heron",)), Canned(1, ("a heron",))]).find(
        ["a heron"], 1, people=True
    )
    assert answered is not None and answered.id == 1


def test_one_of_an_account_holds_there_alone_and_one_of_all_only_where_people_write() -> None:
    book = Book([Canned(1, ("heron",), account_id=5)])
    assert book.find(["heron"], 5, people=False) is not None
    assert book.find(["heron"], 6, people=True) is None
    everywhere = Book([Canned(1, ("heron",))])
    assert everywhere.find(["heron"], 6, people=True) is not None
    assert everywhere.find(["heron"], 6, people=False) is None
