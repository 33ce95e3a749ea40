import itertools
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.remote import sse
from inference.remote.sse import event_data, lines

SENT = 'data: {"a": "\u2028 \x85 \x0b"}\r\n\r\ndata: two\r\rdata: three\n\ndata: four'


async def coming(pieces: Sequence[str]) -> AsyncIterator[str]:
    for piece in pieces:
        yield piece


async def events(*pieces: str) -> list[str]:
    return [data async for data in event_data(lines(coming(pieces)))]


@given(st.lists(st.integers(0, len(SENT)), max_size=5))
async def test_only_line_feeds_and_carriage_returns_part_lines_wherever_pieces_are_cut(places):
    ends = [0, *sorted(places), len(SENT)]
    pieces = [SENT[a:b] for a, b in itertools.pairwise(ends)]
    assert await events(*pieces) == ['{"a": "\u2028 \x85 \x0b"}', "two", "three", "four"]


async def test_a_line_that_never_ends_is_refused(monkeypatch):
    monkeypatch.setattr(sse, "MOST_CHARACTERS", 100)
    with pytest.raises(ValueError, match="without an end"):
        await events("data: ", *["x" * 50] * 3)


async def test_events_are_parted_by_empty_lines():
    assert await events("data: one\n\ndata: two\n\n") == ["one", "two"]


async def test_comments_and_other_fields_are_skipped():
    assert await events(": keep-alive\n\nevent: x\nid: 7\ndata:tight\n\n") == ["tight"]


async def test_several_data_lines_are_one_event():
    assert await events("data: a\ndata: b\n\n") == ["a\nb"]


async def test_a_last_event_without_an_empty_line_counts():
    assert await events("data: end") == ["end"]
