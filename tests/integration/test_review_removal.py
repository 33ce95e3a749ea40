"""A question that is deleted while its placeholder is just being posted leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from assistant.channel import Placeholder
from assistant.messages import ChatRef, Edited
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import CHAT, House, house, until, working
from tests.support.screen import ScreenChannel


@dataclass(slots=True)
class SlowScreen(ScreenChannel):
    """The first post is answered when `go` is set; the message stands before that."""

    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def post(self, chat: ChatRef, placeholder: Placeholder) -> str:
        first = "post" not in self.calls
        posted = await ScreenChannel.post(self, chat, placeholder)
        if first:
            await self.go.wait()
        return posted


async def settled(home: House) -> bool:
    query = "SELECT FROM deliveries WHERE state IN ('pending', 'active', 'removing')"
    return not await home.rows(query)


async def test_a_placeholder_whose_post_is_answered_after_the_deletion_is_removed(
    database_url: str, redis_url: str
) -> None:
    screen = SlowScreen(readable=False)
    async with house(database_url, redis_url, screen=screen) as home:
        await home.say("My secret", message_id="500")
        await until(lambda: screen.chats["42"])
        await home.service.erase(CHAT, "500")
        await asyncio.sleep(0.05)
        screen.go.set()
        await until(lambda: settled(home))
        await until(lambda: not screen.chats["42"], 5)


@asynccontextmanager
async def edited_amid_the_post(
    database_url: str, redis_url: str
) -> AsyncIterator[tuple[House, SlowScreen, ScriptedEngine]]:
    """A question is edited whose placeholder stands, while its post is not answered yet."""
    screen = SlowScreen(readable=False)
    model = ScriptedEngine(ScriptedSettings(tokens_per_second=200, first_token_seconds=1.0))
    async with house(database_url, redis_url, screen=screen) as home, working(home.worker(model)):
        await home.say("About herons", message_id="500")
        await until(lambda: screen.chats["42"] and model.statistics().requests_running)
        await home.service.edit(Edited(CHAT, "edit-1", "500", "7", "About storks"))
        yield home, screen, model


@pytest.mark.parametrize("seconds", [0.05, 0.5], ids=["at once", "after the lease was lost"])
async def test_a_placeholder_whose_post_is_answered_after_an_edit_becomes_the_answer(
    database_url: str, redis_url: str, seconds: float
) -> None:
    async with edited_amid_the_post(database_url, redis_url) as (home, screen, _):
        await asyncio.sleep(seconds)
        screen.go.set()
        await until(lambda: settled(home))
        assert len(screen.chats["42"]) == 1, [one.text for one in screen.chats["42"]]


async def test_a_placeholder_whose_post_was_answered_amid_an_edit_serves_the_edit_after_it(
    database_url: str, redis_url: str
) -> None:
    """Each replacement has the post as one that is begun; only the first turn's row has its id."""
    async with edited_amid_the_post(database_url, redis_url) as (home, screen, _):
        screen.go.set()
        await until(lambda: settled(home))
        await home.service.edit(Edited(CHAT, "edit-2", "500", "7", "About ducks"))
        await until(lambda: settled(home))
        assert ["ducks" in one.text for one in screen.chats["42"]] == [True]


async def test_a_placeholder_whose_post_is_answered_after_two_edits_becomes_the_answer(
    database_url: str, redis_url: str
) -> None:
    async with edited_amid_the_post(database_url, redis_url) as (home, screen, model):
        await until(lambda: model.statistics().requests_running)
        await home.service.edit(Edited(CHAT, "edit-2", "500", "7", "About ducks"))
        await asyncio.sleep(0.05)
        screen.go.set()
        await until(lambda: settled(home))
        assert ["ducks" in one.text for one in screen.chats["42"]] == [True]
