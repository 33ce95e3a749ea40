"""A Telegram poller before an Assistant that remembers, as another process would start it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pydantic import SecretStr

from assistant.lines import Line
from bots.telegram.bot import open_bot
from bots.telegram.channel import TelegramChannel
from bots.telegram.poller import TelegramPoller
from bots.telegram.settings import TelegramSettings
from tests.fakes.telegram import FakeTelegram
from tests.support.recording_assistant import RecordingAssistant


@dataclass
class Account:
    telegram: FakeTelegram
    assistant: RecordingAssistant
    line: Line = field(default_factory=lambda: Line("telegram", "default", "polling"))

    @asynccontextmanager
    async def polling(self, token: str = "") -> AsyncIterator[None]:
        settings = TelegramSettings(
            token=SecretStr(token or self.telegram.token), base_url=self.telegram.url
        )
        async with open_bot(settings) as bot:
            poller = TelegramPoller(
                bot,
                TelegramChannel(bot, "default"),
                self.assistant,
                long_poll_seconds=2,
                retry_seconds=(0.02, 0.1),
                line=self.line,
            )
            task = asyncio.create_task(poller.run())
            try:
                yield
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def texts(self) -> list[str]:
        return [message.text for message in self.assistant.accepted]

    def confirmed(self) -> bool:
        return not self.telegram.queue.pending

    def said(self, chat_id: int) -> list[str]:
        return [message.text for message in self.telegram.messages(chat_id)]
