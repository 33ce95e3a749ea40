"""`outrider turns` and `outrider erase` beside a running Outrider."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import Program, stream

Make = Callable[..., Program]
FAILING = {"ENGINE__SCRIPTED__FAIL_AFTER_TOKENS": "3", "ASSISTANT__ATTEMPTS": "1"}


@pytest.fixture
def command(outrider: Make, tmp_path: Path) -> Callable[..., Any]:
    """Runs a command and gives its exit status and what it said."""

    async def run(*words: str) -> tuple[int, str]:
        one = outrider(tmp_path / "data", command=words)
        one.start()
        status = await one.ended(60)
        assert "Traceback" not in one.output, one.output
        return status, one.output

    return run


async def ask(program: Program, question: str) -> str:
    return "".join([piece async for piece in stream(program, question)])


async def newest(command: Callable[..., Any], state: str = "all") -> dict[str, Any]:
    status, lines = await command("turns", "--state", state, "--json", "--limit", "1")
    assert status == 0
    return dict(json.loads(lines))


async def test_a_failed_turn_is_listed_and_answered_once_more(
    outrider: Make, command: Callable[..., Any], tmp_path: Path
) -> None:
    broken = outrider(tmp_path / "data", settings=FAILING)
    broken.start()
    await broken.until_ready()
    assert await command("turns") == (0, "No turn has failed.\n")
    await ask(broken, "What fails?")
    _, listed = await command("turns")
    assert [word in listed for word in ("failed", "api", "engine_unavailable:")] == [True] * 3
    turn = (await newest(command, "failed"))["id"]
    broken.end()
    running = outrider(tmp_path / "data")
    running.start()
    await running.until_ready()
    status, said = await command("turns", "retry", str(turn))
    assert (status, said.startswith(f"Turn {turn} is answered again")) == (0, True)
    async with asyncio.timeout(60):
        while (again := await newest(command))["state"] != "done":
            pass
    assert (
        said == f"Turn {turn} is answered again, in the same place: it is turn {again['id']} now.\n"
    )
    assert (await command("turns"))[1] == "No turn has failed.\n"
    assert await command("turns", "retry", str(turn)) == (
        1,
        f"outrider: Turn {turn} was answered again already: it is turn {again['id']} now.\n",
    )
    status, said = await command("turns", "retry", "10000")
    assert (status, said.startswith("outrider: There is no turn 10000")) == (1, True)


async def test_a_conversation_and_a_person_are_erased_only_when_agreed_to(
    outrider: Make, command: Callable[..., Any], tmp_path: Path
) -> None:
    running = outrider(tmp_path / "data")
    running.start()
    await running.until_ready()
    for question in ("one?", "two?"):
        await ask(running, question)
    two = await newest(command)
    words = ("erase", "conversation", str(two["conversation_id"]))
    status, said = await command(*words)
    assert (status, "1 message in 1 turn" in said, "add --yes" in said) == (1, True, True)
    assert (await newest(command))["id"] == two["id"]
    status, said = await command(*words, "--yes")
    assert (status, "It is erased." in said) == (0, True)
    one = await newest(command)
    assert one["id"] < two["id"]
    status, said = await command(*words)
    assert (status, said.startswith("outrider: There is no conversation")) == (1, True)
    words = ("erase", "person", str(one["person_id"]))
    assert "API, everybody on api (account default)" in (await command(*words))[1]
    assert (await command(*words, "--yes"))[0] == 0
    assert await command("turns", "--state", "all") == (0, "There is no turn yet.\n")
    assert "three" in await ask(running, "three?")  # and all goes on
