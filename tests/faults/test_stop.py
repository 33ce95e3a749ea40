"""Ctrl-C and SIGTERM end everything within seconds, and leave neither process nor lock."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.storage.embedded import DataDirLock
from tests.fakes.slack import FakeSlack, Rates
from tests.support.program import END_SECONDS, Program, stream

Make = Callable[..., Program]
SLOW = {"ENGINE__SCRIPTED__TOKENS_PER_SECOND": "20", "ENGINE__SCRIPTED__ANSWER_TOKENS": "5000"}


def nothing_is_left(program: Program) -> bool:
    """No process, no lock, and no word of a server that is gone."""
    for name in ("outrider.lock", "postgres.lock", "valkey.lock"):
        with DataDirLock(program.data_dir, name, patience_seconds=0):
            pass
    return not program.left_over() and not (program.data_dir / "server.json").exists()


async def test_sigterm_ends_it(outrider: Make, tmp_path: Path) -> None:
    program = outrider(tmp_path / "data")
    program.start()
    await program.until_ready()
    assert len(program.left_over()) >= 2  # PostgreSQL and Valkey
    program.signal(signal.SIGTERM)
    assert await program.ended() == 0, program.output
    assert nothing_is_left(program)
    assert "Traceback" not in program.output


async def test_ctrl_c_ends_it_while_answers_stream(outrider: Make, tmp_path: Path) -> None:
    program = outrider(tmp_path / "data", settings=SLOW)
    program.start()
    await program.until_ready()
    begun: asyncio.Queue[None] = asyncio.Queue()

    async def listen() -> str:
        text = ""
        try:
            async for piece in stream(program, "tell me a long story"):
                text += piece
                begun.put_nowait(None)
        except Exception:  # cut by the end
            pass
        return text

    async with asyncio.TaskGroup() as group:
        streams = [group.create_task(listen()) for _ in range(3)]
        for _ in range(10):
            await begun.get()
        program.signal(signal.SIGINT)
        assert await program.ended() == 0, program.output
    assert all(len(one.result()) > 0 for one in streams)
    assert nothing_is_left(program)
    assert "Traceback" not in program.output


async def test_ctrl_c_ends_it_while_it_still_starts(outrider: Make, tmp_path: Path) -> None:
    program = outrider(tmp_path / "data")
    program.start()
    await program.until(lambda: (tmp_path / "data" / "postgres").exists())
    program.signal(signal.SIGINT)
    status = await program.ended()
    assert status in (0, 130), program.output
    # What initdb had started ends a moment after it, and holds the directory's lock till then.
    async with asyncio.timeout(END_SECONDS):
        while program.left_over():
            await asyncio.sleep(0.02)
    assert "Traceback" not in program.output
    again = outrider(tmp_path / "data")
    again.start()
    await again.until_ready()


@pytest.mark.parametrize(("binary", "title"), [("postgres", "PostgreSQL"), ("valkey", "Valkey")])
async def test_the_death_of_an_embedded_server_ends_it_with_a_sentence(
    outrider: Make, tmp_path: Path, binary: str, title: str
) -> None:
    program = outrider(tmp_path / "data")
    program.start()
    await program.until_ready()
    os.kill(server(program, binary), signal.SIGKILL)
    assert await program.ended() == 1, program.output
    assert f"outrider: The embedded {title} ended unexpectedly (SIGKILL)" in program.output
    assert "Traceback" not in program.output
    assert nothing_is_left(program)


def server(program: Program, binary: str) -> int:
    """The server's first process: children come later and have higher numbers, or other names."""
    return min(
        pid
        for pid in program.left_over()
        if binary in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
    )


async def test_what_slack_was_told_to_be_taken_by_http_is_said_before_the_end(
    outrider: Make, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    async with FakeSlack(rates=Rates(enforced=False)) as slack:
        settings = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SLACK__BOT_TOKEN": slack.bot_token,
            "SLACK__SIGNING_SECRET": slack.signing_secret,
            "SLACK__BASE_URL": slack.url,
            "SLACK__ACCESS": "open",
        }
        program = outrider(tmp_path / "data", settings=settings)
        program.start()
        await program.until_ready()
        await slack.subscribe(f"{program.url}/webhooks/slack")
        said = 0
        while len(slack.deliveries) == said:  # until one has to wait for the chat's budget
            slack.dm("U1", "!help")
            await slack.deliveries[-1].acknowledged.wait()
            await asyncio.sleep(0.1)
            said = len(slack.replies("DU1"))
        program.signal(signal.SIGTERM)
        assert await program.ended() == 0, program.output
        assert len(slack.replies("DU1")) == len(slack.deliveries) == said + 1
    assert "Traceback" not in program.output
