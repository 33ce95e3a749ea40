"""Whole answers, generated and a real model's: nothing refused, nothing lost, nothing moved."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bots.telegram.text.render import render
from bots.telegram.text.split import split
from tests.support.markdown_answers import BLOCKS, Part, answers
from tests.support.model_answers import model_answers
from tests.support.telegram_messages import check, lost, messages, read

MANY = settings(
    max_examples=100,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@given(answers())
@MANY
def test_no_answer_is_refused_and_no_visible_character_is_lost(answer: Part) -> None:
    assert lost(answer.seen, messages(answer.source)) == ""


@given(st.text(max_size=3000) | st.text(alphabet="*_`~[]()<>|#-+.1 \n\\!$:a😀", max_size=600))
@MANY
def test_no_text_at_all_is_refused(text: str) -> None:
    for piece in split(text):
        if render(piece).text:  # else the channel shows its placeholder
            check(render(piece))


@given(answers(), st.data())
@MANY
def test_earlier_messages_stay_while_an_answer_grows(answer: Part, data: st.DataObject) -> None:
    whole = list(split(answer.source))
    for _ in range(8):
        end = data.draw(st.integers(0, len(answer.source)))
        *closed, last = [*split(answer.source[:end])] or [""]
        assert closed == whole[: len(closed)]
        growing = render(last, growing=True)
        if growing.text:
            check(growing)


@given(BLOCKS, st.integers(0, 4000))
@MANY
def test_no_mark_shows_where_a_growing_text_ends(block: Part, end: int) -> None:
    check_again = render("Word. " + block.source[:end], growing=True)
    check(check_again)


@pytest.mark.parametrize("answer", model_answers(), ids=range(len(model_answers())))
def test_a_real_models_answer_is_shown_whole(answer: str) -> None:
    assert lost(read(answer), messages(answer)) == ""
    whole = split(answer)
    for end in range(0, len(answer), 37):
        closed = list(split(answer[:end])[:-1])
        assert closed == list(whole[: len(closed)])
