"""Maintenance: nothing new is let in, who asks is told so, what was asked before is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from assistant.errors import MessageRefused, Silenced, UnderMaintenance
from assistant.messages import ChatRef, Edited
from assistant.phrases import Phrase, say
from inference.api import ChatMessage, Sampling
from tests.support.house import CHAT, House, house, incoming, working
from tests.support.orders import asked, press, quick, told


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


def begin(home: House, message: str = "") -> None:
    home.settings.maintenance, home.settings.maintenance_message = True, message


async def test_what_was_asked_before_is_answered_and_what_comes_is_refused_in_words(
    home: House,
) -> None:
    before = (await home.say("Tell me about herons")).turn_id
    begin(home, "until 18:00, a new model comes.")
    with pytest.raises(UnderMaintenance) as refused:
        await home.say("And about storks?")
    assert "until 18:00, a new model comes." in say(refused.value.phrase, "de")
    assert say(refused.value.phrase, "de").startswith("An mir wird gerade gearbeitet")
    async with working(home.worker(quick())):
        assert (await home.answer(before))[1].state == "done"
    assert await home.rows("SELECT count(*) FROM messages") == [(1,)]
    home.settings.maintenance = False
    await home.say("And about storks?")


async def test_without_words_of_the_admins_it_has_some_of_its_own(home: House) -> None:
    begin(home)
    with pytest.raises(UnderMaintenance) as refused:
        await home.say("Hello")
    assert refused.value.phrase == Phrase("refused.maintenance")


async def test_a_message_that_was_taken_in_and_comes_again_is_known(home: House) -> None:
    message = incoming("Tell me about herons")
    first = await home.service.accept(message)
    begin(home)
    assert (await home.service.accept(message)).turn_id == first.turn_id


async def test_nothing_else_that_would_begin_an_answer_does(home: House) -> None:
    async with working(home.worker(quick())):
        turn, _ = await asked(home, "Tell me about herons", message_id="700")
    begin(home)
    edited = Edited(CHAT, "edit-1", "700", "7", "About storks")
    request = ChatRef("api", "default", "request-1")
    for attempt in (
        lambda: home.service.edit(edited),
        lambda: home.service.press(press("retry", turn)),
        lambda: told(home, "retry"),
        lambda: home.service.retry(turn),
        lambda: home.service.wanted(incoming("Look at this")),
        lambda: home.service.accept_request(request, [ChatMessage("user", "Hi")], Sampling()),
    ):
        with pytest.raises(UnderMaintenance):
            await attempt()
    assert await home.rows("SELECT count(*) FROM turns") == [(1,)]


async def test_orders_that_begin_no_answer_are_carried_out(home: House) -> None:
    waiting = (await home.say("Tell me about herons")).turn_id
    begin(home)
    assert await told(home, "stop") == say(Phrase("stop.done"))
    assert (await home.answer(waiting))[1].state == "stopped"
    assert "/help" in await told(home, "help")


async def test_another_bot_is_not_told_and_a_stranger_hears_how_to_be_let_in(
    database_url: str, redis_url: str
) -> None:
    async with house(database_url, redis_url, access="allowlist") as home:
        begin(home)
        with pytest.raises(MessageRefused) as refused:
            await home.say("Hello")
    assert refused.value.phrase.key == "refused.allowlist"


async def test_to_another_bot_nothing_is_said(home: House) -> None:
    begin(home)
    with pytest.raises(Silenced):
        await home.service.accept(incoming("Hello", from_bot=True))  # type: ignore[arg-type]
