"""A client that hangs up in mid-answer stops its turn; what was said is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import psycopg

from tests.support.program import Program, stream

Make = Callable[..., Program]


async def test_a_hangup_stops_the_turn(
    outrider: Make, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    settings = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "ENGINE__SCRIPTED__TOKENS_PER_SECOND": "50",
        "ENGINE__SCRIPTED__ANSWER_TOKENS": "100000",
    }
    program = outrider(tmp_path / "data", settings=settings)
    program.start()
    await program.until_ready()
    heard = ""
    answer = stream(program, "an endless story, please")
    async for piece in answer:
        heard += piece
        if len(heard.split()) > 20:
            break
    await answer.aclose()  # type: ignore[attr-defined]
    reply = await stopped(database_url)
    assert reply.startswith(heard)
    assert len(reply.split()) < 10_000
    assert "Traceback" not in program.output


async def stopped(url: str) -> str:
    """The only turn's reply, once it is stopped."""
    async with (
        asyncio.timeout(30),
        await psycopg.AsyncConnection.connect(url, autocommit=True) as connection,
    ):
        while True:
            ((state, reply),) = await (
                await connection.execute("SELECT state, reply FROM turns")
            ).fetchall()
            if state == "stopped":
                return str(reply)
            assert state in ("queued", "running")
            await asyncio.sleep(0.05)
