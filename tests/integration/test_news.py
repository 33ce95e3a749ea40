"""/news: a conversation asks for what its admins have to tell, and asks for no more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest_asyncio

from assistant.messages import ChatRef, Command, Membership
from assistant.outgoing.broadcasts import Broadcasts
from assistant.phrases import Phrase, say
from tests.support.admins import ROOT
from tests.support.house import CHAT, House, house
from tests.support.orders import GROUP, told
from tests.support.screen import ScreenChannel

THREAD = ChatRef("slack", "default", "C1", "17.5", "group")


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


async def asked_for(home: House) -> list[tuple[str, str]]:
    """Chats, and in which language."""
    found = await home.rows(
        "SELECT chat_id, news FROM conversations WHERE news IS NOT NULL ORDER BY chat_id"
    )
    return [(row[0], row[1]) for row in found]


async def test_news_are_asked_for_and_ended_in_each_chat_by_itself(home: House) -> None:
    assert await told(home, "news") == say(Phrase("news.now_off"))
    assert await told(home, "news", "on", language="de-AT") == say(Phrase("news.on"), "de")
    assert await told(home, "news", "ON", chat=GROUP) == say(Phrase("news.on"))
    assert await told(home, "news") == say(Phrase("news.now_on"))
    assert await asked_for(home) == [("-100", "en"), ("42", "de")]
    assert await told(home, "news", "off") == say(Phrase("news.off"))
    assert await told(home, "news") == say(Phrase("news.now_off"))
    assert await asked_for(home) == [("-100", "en")]


async def test_what_is_neither_on_nor_off_changes_nothing(home: House) -> None:
    await told(home, "news", "on")
    assert await told(home, "news", "perhaps") == say(Phrase("news.now_on"))
    assert await asked_for(home) == [("42", "en")]


async def test_a_page_that_fetches_its_answers_says_that_it_gets_none(home: House) -> None:
    page = ChatRef("web", "default", "cookie")
    assert await told(home, "news", "on", chat=page) == say(Phrase("news.not_here"))
    assert await asked_for(home) == []


async def test_in_a_threaded_channel_an_admin_asks_for_the_whole_chat(
    database_url: str, redis_url: str
) -> None:
    async with house(database_url, redis_url, screen=ScreenChannel(name="slack")) as home:
        order = Command(THREAD, "news", "U1", "Ana", "18.1", "on")
        refused = await home.service.command(order)
        assert refused.text == say(Phrase("news.admins_only"))
        admin = replace(order, member=Membership(admin=True), message_id="18.2")
        assert (await home.service.command(admin)).text == say(Phrase("news.on"))
        assert await home.rows("SELECT thread_id FROM conversations WHERE news = 'en'") == [("*",)]
        direct = Command(replace(THREAD, chat_id="D1", kind="private"), "news", "U1", "Ana")
        assert (await home.service.command(replace(direct, argument="on"))).text == say(
            Phrase("news.on")
        )


async def test_who_ends_it_gets_nothing_more_of_what_is_on_its_way(home: House) -> None:
    await told(home, "news", "on")
    await Broadcasts(home.database).start(ROOT, "A new model on Friday.")
    await told(home, "news", "off")
    assert await home.rows("SELECT state FROM broadcast_posts") == [("withdrawn",)]


async def test_news_go_with_the_conversation_that_is_erased(home: House) -> None:
    await told(home, "news", "on")
    await Broadcasts(home.database).start(ROOT, "A new model on Friday.")
    await told(home, "forget", "all")
    assert await asked_for(home) == []
    assert await home.rows("SELECT FROM broadcast_posts") == []


async def test_news_follow_a_chat_that_moves(home: House) -> None:
    await told(home, "news", "on")
    await home.service.move(CHAT, "4200")
    assert await asked_for(home) == [("4200", "en")]
