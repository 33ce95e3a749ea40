"""An edit that got no answer may take effect yet, after the edit that came after it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from assistant.channel import Look
from assistant.errors import PlatformUnavailable
from assistant.messages import ChatRef
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import house, until, working
from tests.support.screen import ScreenChannel

LATE_SECONDS = 0.5


@dataclass(slots=True)
class LateScreen(ScreenChannel):
    """The first edit gets no answer, and takes effect a while after the reply's end stood there."""

    late: asyncio.Task[None] | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def edit(self, chat: ChatRef, message_id: str, look: Look) -> None:
        if self.late is None:
            self.late = asyncio.create_task(
                self._later(chat, message_id, replace(look, final=False))
            )
            raise PlatformUnavailable("no answer came")
        await ScreenChannel.edit(self, chat, message_id, look)
        if look.final:
            self.ended.set()

    async def _later(self, chat: ChatRef, message_id: str, look: Look) -> None:
        await self.ended.wait()
        await asyncio.sleep(LATE_SECONDS)
        await ScreenChannel.edit(self, chat, message_id, look)


async def test_an_edit_that_comes_late_does_not_stay_in_the_place_of_the_answer(
    database_url: str, redis_url: str
) -> None:
    screen = LateScreen()
    engine = ScriptedEngine(ScriptedSettings(tokens_per_second=60.0, answer_tokens=30))
    async with house(database_url, redis_url, screen=screen) as home:
        async with working(home.worker(engine)):
            reply, _ = await home.answer((await home.say("Tell me of the sea")).turn_id)
            await until(lambda: home.rows("SELECT FROM deliveries WHERE state = 'done'"))
        assert screen.late is not None
        await screen.late
        assert [one.text for one in screen.chats["42"]] == [reply]
