"""Token ids here are bytes, the worst case: every character of several bytes can be cut."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from inference.resume import whole_characters


def decode(token_ids: Sequence[int]) -> str:
    return bytes(token_ids).decode(errors="replace")


def test_an_uncut_text_is_kept_whole():
    ids = tuple("Paris 🚀".encode())
    assert whole_characters(ids, decode) == (ids, "Paris 🚀")


def test_a_cut_character_is_dropped():
    ids = tuple("Paris 🚀".encode())
    for missing in (1, 2, 3):
        assert whole_characters(ids[:-missing], decode) == (tuple(b"Paris "), "Paris ")


def test_nothing_is_left_of_a_text_that_is_only_a_part_of_a_character():
    assert whole_characters(tuple("🚀".encode())[:2], decode) == ((), "")
    assert whole_characters((), decode) == ((), "")


@given(st.text(alphabet=st.sampled_from("ab é你好🚀👩‍🏳️"), max_size=12), st.data())
def test_every_cut_goes_on_on_a_whole_character(text, data):
    ids = tuple(text.encode())
    cut = data.draw(st.integers(0, len(ids)))
    kept, shown = whole_characters(ids[:cut], decode)
    assert ids[: len(kept)] == kept
    assert text.startswith(shown)
    assert bytes(kept).decode() == shown
    assert cut - len(kept) <= 3
