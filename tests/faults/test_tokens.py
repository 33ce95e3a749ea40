"""A wrong token turns its channel off, with one clear line; everything else runs on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.fakes.slack import FakeSlack
from tests.fakes.telegram import FakeTelegram
from tests.support.program import Program, stream

Make = Callable[..., Program]
LINES = (
    "Check OUTRIDER_TELEGRAM__TOKEN: @BotFather shows the current token.",
    "Slack refused the call: invalid_auth.",
)


async def test_channels_that_are_refused_leave_the_rest_running(
    outrider: Make, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    async with FakeTelegram() as telegram, FakeSlack() as slack:
        settings = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "TELEGRAM__TOKEN": "1234567:hidden-part",
            "TELEGRAM__BASE_URL": telegram.url,
            "SLACK__BOT_TOKEN": "xoxb-hidden-part",
            "SLACK__APP_TOKEN": "xapp-hidden-part",
            "SLACK__BASE_URL": slack.url,
        }
        program = outrider(tmp_path / "data", settings=settings)
        program.start()
        await program.until_ready()
        await program.until(lambda: all(program.output.count(line) for line in LINES))
        answer = "".join([piece async for piece in stream(program, "still there?")])
        assert "still there?" in answer
    assert all(program.output.count(line) == 1 for line in LINES)
    assert "hidden-part" not in program.output
    assert "Traceback" not in program.output


async def test_a_slack_token_that_lets_nothing_in_is_refused(
    outrider: Make, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    settings = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SLACK__BOT_TOKEN": "xoxb-hidden-part",
    }
    said = await outrider(tmp_path / "data", settings=settings).refusal()
    assert "set OUTRIDER_SLACK__APP_TOKEN" in said
    assert "hidden-part" not in said
