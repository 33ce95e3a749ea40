"""Forms: what is sent becomes a model, or sentences field by field; nothing given is lost."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from bots.admin.form import read_form
from bots.admin.words import Words


class Order(BaseModel):
    name: str = Field(min_length=2, max_length=20)
    count: int = Field(1, ge=1, le=9)
    urgent: bool = False
    colours: list[str] = Field(default_factory=list)


def sent(*pairs: tuple[str, str]) -> bytes:
    return urlencode(pairs).encode()


def test_a_form_becomes_a_model() -> None:
    form = read_form(
        Order,
        sent(
            ("name", "Ana\r\nB"),
            ("urgent", "on"),
            ("colours", "red"),
            ("colours", "blue"),
            ("x", "1"),
        ),
    )
    assert form.value == Order(name="Ana\nB", urgent=True, colours=["red", "blue"])


@pytest.mark.parametrize(
    ("pairs", "field", "said"),
    [
        ([], "name", "This can't be left empty."),
        ([("name", "   ")], "name", "This can't be left empty."),
        ([("name", "A")], "name", "This is too short."),
        ([("name", "A" * 21)], "name", "This is too long."),
        ([("name", "Ana"), ("count", "many")], "count", "This must be a number."),
        ([("name", "Ana"), ("count", "10")], "count", "This number is too small or too large."),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_what_was_given_stays(
    pairs: list[tuple[str, str]], field: str, said: str
) -> None:
    form = read_form(Order, sent(*pairs))
    assert form.value is None
    assert form.said(Words("en"))[field] == said
    assert form.given == dict(pairs)


@given(st.binary(max_size=300))
def test_any_body_is_read_or_refused_in_words(body: bytes) -> None:
    form = read_form(Order, body)
    assert form.value is not None or all(form.said(Words("en")).values())
