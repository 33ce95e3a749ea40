from collections.abc import AsyncIterator

from inference.sse import event_data


async def lines(text: str) -> AsyncIterator[str]:
    for line in text.split("\n"):
        yield line


async def events(text: str) -> list[str]:
    return [data async for data in event_data(lines(text))]


async def test_events_are_parted_by_empty_lines():
    assert await events("data: one\n\ndata: two\n\n") == ["one", "two"]


async def test_comments_and_other_fields_are_skipped():
    assert await events(": keep-alive\n\nevent: x\nid: 7\ndata:tight\n\n") == ["tight"]


async def test_several_data_lines_are_one_event():
    assert await events("data: a\ndata: b\n\n") == ["a\nb"]


async def test_a_last_event_without_an_empty_line_counts():
    assert await events("data: end") == ["end"]
