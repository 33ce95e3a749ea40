"""python-telegram-bot, as it comes, on the fake Telegram."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from telegram import Bot
from telegram.error import BadRequest, TelegramError

from tests.fakes.telegram import FakeTelegram


@asynccontextmanager
async def library(telegram: FakeTelegram, token: str = "") -> AsyncIterator[Bot]:
    async with Bot(
        token or telegram.token,
        base_url=f"{telegram.url}/bot",
        base_file_url=f"{telegram.url}/file/bot",
    ) as bot:
        yield bot


async def refused(call: Awaitable[Any], words: str, kind: type[TelegramError] = BadRequest) -> None:
    """The call fails with exactly these words, whatever the library does to their case."""
    with pytest.raises(kind) as caught:
        await call
    assert type(caught.value) is kind
    assert words.lower() == caught.value.message.lower()
