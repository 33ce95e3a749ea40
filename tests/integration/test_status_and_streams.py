"""Replies where a platform shows a status before there is text, and streams them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from assistant.channel import Pace
from assistant.errors import StoppedByPerson
from assistant.outgoing import show
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import CHAT, House, house, until, working
from tests.support.screen import ScreenChannel


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    screen = ScreenChannel(statuses=[])
    async with house(database_url, redis_url, screen=screen) as built:
        yield built


def engine(pace: float = 200.0, answer_tokens: int = 24, first: float = 0.0) -> ScriptedEngine:
    return ScriptedEngine(
        ScriptedSettings(
            tokens_per_second=pace, answer_tokens=answer_tokens, first_token_seconds=first
        )
    )


async def delivered(home: House) -> bool:
    return not await home.rows("SELECT FROM deliveries WHERE finished_at IS NULL")


async def test_a_status_stands_first_and_the_message_comes_with_its_text(home: House) -> None:
    accepted = await home.say("Tell me of the sea")
    await until(lambda: home.screen.statuses)
    assert home.screen.calls == []
    async with working(home.worker(engine())):
        reply, _ = await home.answer(accepted.turn_id)
        await until(lambda: delivered(home))
    [shown] = home.screen.chats["42"]
    assert shown.looks[-1] == reply
    assert home.screen.calls[:2] == ["post", "edit"]
    assert home.screen.statuses == [True]


async def test_a_status_is_shown_again_before_the_platform_takes_it_away(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show, "STATUS_SECONDS", 0.05)
    await home.say("Tell me of the sea")
    await until(lambda: len(home.screen.statuses or ()) > 2)
    assert home.screen.calls == []


async def test_a_question_that_is_deleted_before_there_is_text_takes_the_status_along(
    home: House,
) -> None:
    await home.say("My secret", message_id="500")
    await until(lambda: home.screen.statuses)
    await home.service.erase(CHAT, "500")
    await until(lambda: delivered(home))
    # The answer's own delivery and the removal may each take it away.
    shown, *taken = home.screen.statuses or ()
    assert shown and taken and not any(taken)
    assert home.screen.chats["42"] == []


@pytest.mark.parametrize(("a_second", "streamed"), [(1e6, True), (1 / 600, False)])
async def test_a_stream_is_opened_where_there_is_room_for_one_now_else_a_message(
    home: House, a_second: float, streamed: bool
) -> None:
    home.screen.streams = Pace(0.0, 0.0, a_second, meter="start")
    async with working(home.worker(engine())):
        await home.answer((await home.say("Tell me of the sea")).turn_id)
        await until(lambda: delivered(home))
    [shown] = home.screen.chats["42"]
    assert home.screen.streamed == ([shown.id] if streamed else [])


async def test_an_end_that_meets_a_stop_at_the_platform_stands_all_the_same(home: House) -> None:
    async with working(home.worker(engine(pace=5000, answer_tokens=4))):
        home.screen.edit_failures = [StoppedByPerson("The person stopped it.")]
        reply, _ = await home.answer((await home.say("Hello")).turn_id)
        await until(lambda: delivered(home))
    [shown] = home.screen.chats["42"]
    assert (shown.text, shown.last) == (reply, True)


async def test_a_message_that_was_stopped_at_the_platform_stops_the_turn(home: House) -> None:
    async with working(home.worker(engine(pace=50, answer_tokens=2000))):
        accepted = await home.say("Tell me everything")
        await until(lambda: home.screen.chats["42"] and home.screen.chats["42"][0].text)
        home.screen.failures = [StoppedByPerson("The person stopped it.")]
        async with asyncio.timeout(10):
            await until(lambda: delivered(home))
    [(state,)] = await home.rows(f"SELECT state FROM turns WHERE id = {accepted.turn_id}")
    assert state == "stopped"
    [shown] = home.screen.chats["42"]
    assert shown.last
    assert shown.text
