"""Whatever goes wrong, the person reads of it, in their language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.phrases import sentences
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import CHAT, FAST, House, house, until, working
from tests.support.screen import ScreenChannel


@dataclass(slots=True)
class FaultyChannel(ScreenChannel):
    """Its rendering has a fault that one word brings out."""

    def split(self, text: str) -> Sequence[str]:
        if "herons" in text:
            raise IndexError("a fault of ours")
        return ScreenChannel.split(self, text)


async def shown_at_the_end(home: House, chat_id: str = CHAT.chat_id) -> str:
    await until(lambda: [one for one in home.screen.chats[chat_id] if one.final])
    (shown,) = home.screen.chats[chat_id]
    return shown.text


async def test_a_reply_that_our_code_fails_to_show_ends_in_words_and_others_go_on(
    database_url: str, redis_url: str
) -> None:
    async with (
        house(database_url, redis_url, screen=FaultyChannel()) as home,
        working(home.worker(ScriptedEngine(ScriptedSettings(tokens_per_second=500.0)))),
    ):
        await home.say("Tell me about herons", language="de")
        assert await shown_at_the_end(home) == f"⚠ {sentences('de')['error.internal']}"
        await home.say("Tell me about storks")
        await until(lambda: any("storks" in one.text for one in home.screen.chats[CHAT.chat_id]))
        found = "SELECT state, error FROM deliveries ORDER BY turn_id LIMIT 1"
        assert await home.rows(found) == [("failed", "internal")]


async def test_an_answer_that_takes_too_long_ends_in_the_persons_language(
    database_url: str, redis_url: str
) -> None:
    hasty = FAST.model_copy(update={"turn_seconds": 0.3})
    slow = ScriptedEngine(ScriptedSettings(first_token_seconds=30.0))
    async with (
        house(database_url, redis_url, settings=hasty) as home,
        working(home.worker(slow)),
    ):
        await home.say("Tell me about herons", language="ar")
        assert await shown_at_the_end(home) == f"⚠ {sentences('ar')['error.timeout']}"
