import asyncio

import pytest

from bots.web.pace import batches


async def test_the_first_comes_at_once_and_what_gathers_meanwhile_comes_together():
    queue: asyncio.Queue[int | None] = asyncio.Queue()

    async def source():
        while (item := await queue.get()) is not None:
            yield item

    queue.put_nowait(1)
    stream = batches(source(), pause_seconds=0.02, quiet_seconds=60)
    assert await anext(stream) == [1]
    for item in (2, 3, None):
        queue.put_nowait(item)
    assert [batch async for batch in stream] == [[2, 3]]


async def test_silence_is_an_empty_batch():
    async def source():
        await asyncio.sleep(3600)
        yield 1

    stream = batches(source(), 0, quiet_seconds=0.001)
    assert await anext(stream) == []
    await stream.aclose()


async def test_a_failure_of_the_source_comes_after_what_it_gave():
    async def source():
        yield 1
        raise ValueError("broken")

    stream = batches(source(), 0, 60)
    assert await anext(stream) == [1]
    with pytest.raises(ValueError, match="broken"):
        await anext(stream)


async def test_closing_closes_the_source():
    closed = asyncio.Event()

    async def source():
        try:
            yield 1
            await asyncio.sleep(3600)
        finally:
            closed.set()

    stream = batches(source(), 0, 60)
    assert await anext(stream) == [1]
    await stream.aclose()
    assert closed.is_set()
