"""A mark that can't be shown, for whatever reason, costs nothing but itself."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.messages import ChatRef
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import CHAT, house, until, working
from tests.support.screen import ScreenChannel


@dataclass(slots=True)
class FaultyScreen(ScreenChannel):
    async def mark_waiting(self, chat: ChatRef, message_id: str) -> None:
        self.calls.append("mark")
        raise ValueError("a fault of ours")


async def test_replies_are_shown_after_a_mark_that_failed(
    database_url: str, redis_url: str
) -> None:
    screen = FaultyScreen()
    model = ScriptedEngine(ScriptedSettings(tokens_per_second=400, answer_tokens=8))
    async with house(database_url, redis_url, screen=screen) as home, working(home.worker(model)):
        home.delivery.mark_waiting(CHAT, "500")
        await until(lambda: "mark" in screen.calls)
        await home.say("About herons")
        await until(lambda: screen.chats["42"] and screen.chats["42"][0].final)
