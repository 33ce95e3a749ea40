"""`outrider ask`, through a running server and alone, and what may go wrong there."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.program import Program

Make = Callable[..., Program]
ENDLESS = {
    "ENGINE__SCRIPTED__TOKENS_PER_SECOND": "50",
    "ENGINE__SCRIPTED__ANSWER_TOKENS": "100000",
}


async def said(program: Program) -> str:
    program.start()
    assert await program.ended(60) == 0, program.output
    return program.output


async def test_a_second_question_knows_the_first_with_a_server_and_without(
    outrider: Make, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    data = tmp_path / "data"
    assert "You wrote 1 message, the last one: one" in await said(
        outrider(data, command=("ask", "one"))
    )
    urls = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    server = outrider(data, settings=urls)
    server.start()
    await server.until_ready()
    assert "You wrote 2 messages, the last one: two" in await said(
        outrider(data, command=("ask", "two"))
    )
    assert "You wrote 1 message, the last one: new" in await said(
        outrider(data, command=("ask", "--new", "new"))
    )
    # Killed in mid-answer: one sentence, and the next question goes without the server.
    server.signal(signal.SIGKILL)
    await server.ended()
    assert (data / "server.json").exists()
    assert "You wrote 2 messages, the last one: alone" in await said(
        outrider(data, command=("ask", "alone"))
    )


async def test_a_server_that_dies_in_mid_answer_is_one_sentence(
    outrider: Make, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    urls = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    server = outrider(tmp_path / "data", settings=urls | ENDLESS)
    server.start()
    await server.until_ready()
    ask = outrider(tmp_path / "data", command=("ask", "an endless story"))
    ask.start()
    await ask.until(lambda: "You wrote" in ask.output)
    server.signal(signal.SIGKILL)
    assert await ask.ended() == 1, ask.output
    assert "broke off: see its log, and ask again." in ask.output
    assert "Traceback" not in ask.output


async def test_ctrl_c_ends_a_question(outrider: Make, tmp_path: Path) -> None:
    ask = outrider(tmp_path / "data", settings=ENDLESS, command=("ask", "an endless story"))
    ask.start()
    await ask.until(lambda: "You wrote" in ask.output)
    ask.signal(signal.SIGINT)
    assert await ask.ended() == 130, ask.output
    assert "Traceback" not in ask.output


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("  ", "The question is empty"),
        ("x" * 100_000, "The question has 100,000 characters and at most 32,000 are read"),
        (b"\xff\xfe", "The question is not UTF-8 text"),
    ],
)
async def test_a_question_that_is_none_is_refused(
    outrider: Make, tmp_path: Path, question: str, sentence: str
) -> None:
    assert sentence in await outrider(tmp_path / "data", command=("ask", question)).refusal()
    assert not (tmp_path / "data").exists()
