"""Token ids here are bytes, the worst case: every character of several bytes can be cut."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.api import Sampling
from inference.resume import ResumePoint, resume_point

END = 0


def decode(token_ids: Sequence[int]) -> str:
    return bytes(one for one in token_ids if one != END).decode(errors="replace")


def point(text: str, *stop: str) -> ResumePoint:
    return resume_point(text.encode(), decode, Sampling(stop=stop), {END})


def test_an_uncut_text_is_kept_whole():
    assert point("Paris 🚀") == ResumePoint(tuple("Paris 🚀".encode()), "Paris 🚀")


def test_a_cut_character_is_dropped():
    ids = tuple("Paris 🚀".encode())
    for missing in (1, 2, 3):
        assert resume_point(ids[:-missing], decode) == ResumePoint(tuple(b"Paris "), "Paris ")


def test_nothing_is_left_of_a_text_that_is_only_a_part_of_a_character():
    assert resume_point(tuple("🚀".encode())[:2], decode) == ResumePoint()
    assert resume_point((), decode) == ResumePoint()


@given(st.text(alphabet=st.sampled_from("ab é你好🚀👩‍🏳️"), max_size=12), st.data())
def test_every_cut_goes_on_on_a_whole_character(text, data):
    ids = tuple(text.encode())
    cut = data.draw(st.integers(0, len(ids)))
    kept = resume_point(ids[:cut], decode)
    assert ids[: len(kept.token_ids)] == kept.token_ids
    assert text.startswith(kept.text)
    assert bytes(kept.token_ids).decode() == kept.text
    assert cut - len(kept.token_ids) <= 3


@pytest.mark.parametrize("cut", ["One.\n", "One.\n\n", "One.\n\nU", "One.\n\nUser"])
def test_a_cut_inside_a_stop_string_goes_on_before_it(cut):
    assert point(cut, "###", "\n\nUser:").text == "One."


def test_what_looks_like_a_stop_string_and_is_none_is_kept():
    assert point("One.\n\nUsual", "\n\nUser:").text == "One.\n\nUsual"


def test_after_a_whole_stop_string_there_is_nothing_to_add():
    whole = point("One. END of it", "of", "END")
    assert (whole.text, whole.ended) == ("One. ", True)
    assert len(whole.token_ids) == len("One. END of it")


def test_of_two_stop_strings_the_one_counts_that_is_whole_first():
    assert point("One abba", "abba", "b").text == "One a"


def test_after_an_end_token_there_is_nothing_to_add():
    ended = resume_point((*b"One", END), decode, Sampling(stop=("e!",)), {END})
    assert ended == ResumePoint((*b"One", END), "One", ended=True)


STOPS = st.lists(st.text(alphabet="ab🚀", min_size=1, max_size=4), max_size=3)


@given(st.text(alphabet="ab🚀", max_size=12), STOPS, st.data())
def test_from_every_cut_a_stop_string_is_found_where_it_would_have_been(text, stops, data):
    """What is searched after the seam is the new text alone."""
    ids = tuple(text.encode())
    kept = resume_point(ids[: data.draw(st.integers(0, len(ids)))], decode, _with(stops))
    if not kept.ended:
        rest = bytes(ids[len(kept.token_ids) :]).decode()
        assert kept.text + _up_to(rest, stops) == _up_to(text, stops)
    else:
        assert kept.text == _up_to(text, stops)


def _with(stops: Sequence[str]) -> Sampling:
    return Sampling(stop=tuple(stops))


def _up_to(text: str, stops: Sequence[str]) -> str:
    """The text as an engine ends it that looks after each character: the first stop to be whole."""
    for end in range(1, len(text) + 1):
        for stop in stops:
            if text[:end].endswith(stop):
                return text[: end - len(stop)]
    return text


def test_a_seeded_answer_begins_again():
    assert resume_point(tuple(b"One"), decode, Sampling(seed=7)) == ResumePoint()
    assert not Sampling(seed=7).resumable
    assert Sampling(temperature=0.7, stop=("x",)).resumable
