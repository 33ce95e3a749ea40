"""One whole Outrider with the demo model, on the fakes of both platforms, for all tests here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.fakes.slack import FakeSlack
from tests.fakes.telegram import FakeTelegram
from tests.support.program import Program, programs

# The model's start takes longer than a test may; so does its first build.
pytestmark = pytest.mark.model


@dataclass(frozen=True, slots=True)
class Light:
    outrider: Program
    telegram: FakeTelegram
    slack: FakeSlack


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def light(
    demo_data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Light]:
    data_dir = tmp_path_factory.mktemp("first-light") / "data"
    data_dir.mkdir()
    (data_dir / "models").symlink_to(demo_data_dir / "models")
    with programs() as make:
        async with FakeTelegram() as telegram, FakeSlack() as slack:
            outrider = make(
                data_dir,
                settings={
                    "ENGINE__PROFILE": "demo",
                    "TELEGRAM__TOKEN": telegram.token,
                    "TELEGRAM__BASE_URL": telegram.url,
                    "TELEGRAM__ACCESS": "open",
                    "SLACK__BOT_TOKEN": slack.bot_token,
                    "SLACK__APP_TOKEN": slack.app_token,
                    "SLACK__SIGNING_SECRET": slack.signing_secret,
                    "SLACK__BASE_URL": slack.url,
                },
            )
            outrider.start()
            await outrider.until_ready(300)
            yield Light(outrider, telegram, slack)
