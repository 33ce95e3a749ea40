"""kill -9 in mid-answer: the next start needs no hand work, and finishes what was begun."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import psycopg

from assistant.storage.embedded import running_postgres
from tests.support.program import Program, stream

Make = Callable[..., Program]
WORDS = 300


async def test_a_killed_outrider_starts_again_and_finishes_the_answer(
    outrider: Make, tmp_path: Path
) -> None:
    settings = {
        "ENGINE__SCRIPTED__TOKENS_PER_SECOND": "100",
        "ENGINE__SCRIPTED__ANSWER_TOKENS": str(WORDS),
        "ASSISTANT__LEASE_SECONDS": "2",
        "ASSISTANT__CHECKPOINT_SECONDS": "0.2",
    }
    first = outrider(tmp_path / "data", settings=settings)
    first.start()
    await first.until_ready()
    heard = ""
    with suppress(httpx.HTTPError):
        async for piece in stream(first, "tell me a long story"):
            heard += piece
            if len(heard.split()) > 60:
                first.signal(signal.SIGKILL)
                break
    await first.ended()
    second = outrider(tmp_path / "data", settings=settings)
    second.start()
    await second.until_ready()
    assert not first.left_over() - second.left_over() - {second.process.pid}
    reply, attempts = await finished(tmp_path / "data")
    assert attempts == 2
    assert len(reply.split()) == WORDS
    assert reply.startswith("You wrote 1 message")
    assert "Traceback" not in second.output


async def finished(data_dir: Path) -> tuple[str, int]:
    """The only turn's reply and number of attempts, once it is done."""
    url = await asyncio.to_thread(running_postgres, data_dir)
    assert url is not None
    async with (
        asyncio.timeout(60),
        await psycopg.AsyncConnection.connect(url, autocommit=True) as connection,
    ):
        while True:
            rows = await connection.execute("SELECT state, reply, attempt FROM turns")
            ((state, reply, attempt),) = await rows.fetchall()
            if state not in ("queued", "running"):
                assert state == "done"
                return reply, attempt
            await asyncio.sleep(0.1)
