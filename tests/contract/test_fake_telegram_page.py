"""The fake Telegram by hand: its page in a real browser, and the same calls as JSON."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect
from telegram import (
    Bot,
    BotCommand,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InlineQueryResultArticle,
    InputTextMessageContent,
    MessageEntity,
)
from telegram.error import BadRequest

from tests.fakes.telegram import Limits
from tests.fakes.telegram.page import TelegramWithPage
from tests.fakes.telegram.sending import PNG
from tests.support.chromium import chromium
from tests.support.telegram_library import library

pytestmark = pytest.mark.asyncio(loop_scope="module")
browsed = pytest.mark.browser
EVIL = "<img src=x onerror=\"document.title='broken into'\">"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def telegram() -> AsyncIterator[TelegramWithPage]:
    fake = TelegramWithPage(limits=Limits.none())
    fake.person(7, "Ada", language_code="en")
    fake.person(8, "Bruno", language_code="de")
    fake.make_group(-100, "Team", kind="supergroup")
    async with fake:
        fake.chat(7)
        yield fake


@pytest_asyncio.fixture(loop_scope="module")
async def bot(telegram: TelegramWithPage) -> AsyncIterator[Bot]:
    async with library(telegram) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, telegram: TelegramWithPage) -> AsyncIterator[Page]:
    complaints: list[str] = []
    async with await browser.new_context(viewport={"width": 1200, "height": 700}) as context:
        opened = await context.new_page()
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda said: complaints.append(said.text))
        await opened.goto(telegram.url)
        await expect(opened.locator("#title")).to_contain_text("Outrider")
        yield opened
    assert complaints == []


async def write(page: Page, text: str) -> None:
    await page.get_by_role("textbox", name="Message").fill(text)
    await page.keyboard.press("Enter")


async def texts(bot: Bot) -> list[str]:
    updates = await bot.get_updates(timeout=2)
    return [one.effective_message.text or "" for one in updates if one.effective_message]


@browsed
async def test_a_person_writes_and_the_reply_grows_before_their_eyes(page: Page, bot: Bot) -> None:
    await write(page, "hello")
    assert await texts(bot) == ["hello"]
    sent = await bot.send_message(7, "…")
    await expect(page.locator(".bubble.other")).to_contain_text("…")
    text = f"bold code {EVIL}"
    marks = [MessageEntity("bold", 0, 4), MessageEntity("code", 5, 4)]
    await bot.edit_message_text(text, 7, sent.message_id, entities=marks)
    await expect(page.locator(".bubble.other b")).to_have_text("bold")
    await expect(page.locator(".bubble.other code")).to_have_text("code")
    await expect(page.locator(".bubble.other .text")).to_contain_text(EVIL)
    await expect(page.locator(".bubble.other footer")).to_contain_text("edited 1×")
    assert await page.locator("#messages img").count() == 0
    assert await page.title() == "A Telegram for tests"


@browsed
async def test_a_button_waits_until_it_is_answered_and_shows_what_was_said(
    page: Page, bot: Bot
) -> None:
    key = InlineKeyboardButton("Stop", callback_data="stop:1")
    await bot.send_message(7, "…", reply_markup=InlineKeyboardMarkup(((key,),)))
    button = page.get_by_role("button", name="Stop", exact=True)
    await button.click()
    (update,) = await bot.get_updates(timeout=5)
    assert update.callback_query.data == "stop:1"
    await expect(button).to_have_class("waiting")
    await bot.answer_callback_query(update.callback_query.id, "Stopped")
    await expect(page.locator("#toast")).to_have_text("Stopped")
    await expect(button).not_to_have_class("waiting")


@browsed
async def test_the_menu_has_the_commands_in_the_persons_language(page: Page, bot: Bot) -> None:
    await bot.set_my_commands([BotCommand("new", "Start anew")])
    await bot.set_my_commands([BotCommand("new", "Neu anfangen")], language_code="de")
    await page.get_by_title("The bot's commands").click()
    await expect(page.locator("#commands")).to_contain_text("Start anew")
    await page.locator("#title").click()
    await page.locator("#person").select_option("8")
    await expect(page.locator("#title")).to_contain_text("Outrider")
    await expect(page.locator("#commands")).to_be_hidden()  # the other language's
    await page.get_by_title("The bot's commands").click()
    await page.locator("#commands button", has_text="Neu anfangen").click()
    (update,) = await bot.get_updates(timeout=5)
    assert (update.message.text, update.message.from_user.language_code) == ("/new", "de")


@browsed
async def test_files_are_sent_as_what_they_are(page: Page, bot: Bot) -> None:
    picture = {"name": "a.png", "mimeType": "image/png", "buffer": PNG}
    await page.get_by_role("textbox", name="Message").fill("look")
    await page.locator("#file").set_input_files([picture])
    await expect(page.locator("#messages img")).to_have_count(1)
    notes = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"one"}
    await page.locator("#file").set_input_files([notes])
    await expect(page.locator(".content")).to_contain_text("notes.txt, 3 bytes")
    await page.locator("#file").set_input_files([picture, picture])
    await expect(page.locator("#messages img")).to_have_count(3)
    photo, document, *album = [one.message for one in await bot.get_updates(timeout=5)]
    assert photo.caption == "look"
    assert (document.document.file_name, document.document.mime_type) == ("notes.txt", "text/plain")
    assert len({one.media_group_id for one in album}) == 1


@browsed
async def test_replies_edits_reactions_and_deletions_are_made_on_a_message(
    page: Page, bot: Bot, telegram: TelegramWithPage
) -> None:
    await bot.send_message(7, "an answer")
    await page.locator(".bubble.other").hover()
    await page.get_by_title("React 👎").click()
    await expect(page.locator(".reaction")).to_have_text("👎")
    await page.locator(".bubble.other").hover()
    await page.get_by_title("Reply", exact=True).click()
    await write(page, "why?")
    own = page.locator(".bubble.own")
    await expect(own.locator(".reply")).to_contain_text("an answer")
    await own.hover()
    await own.get_by_title("Edit").click()
    await write(page, "why indeed?")
    await expect(own.locator(".text")).to_have_text("why indeed?")
    await own.hover()
    await own.get_by_title("Delete").click()
    await expect(own).to_have_count(0)
    said, edited = await bot.get_updates(timeout=5)
    assert said.message.reply_to_message.text == "an answer"
    assert edited.edited_message.text == "why indeed?"


@browsed
async def test_groups_and_topics_are_made_and_written_in_as_somebody_else(
    page: Page, bot: Bot
) -> None:
    await page.get_by_role("button", name="New group").click()
    await page.get_by_label("title").fill("Friends")
    await page.keyboard.press("Enter")
    await expect(page.locator("#title")).to_have_text("Friends")
    await page.get_by_role("button", name="New topic").click()
    await page.keyboard.press("Enter")
    await expect(page.locator("#title")).to_have_text("Friends › Travel")
    await page.locator("#person").select_option("8")
    await write(page, "@OutriderTestBot where to?")
    await expect(page.locator(".bubble.own")).to_contain_text("where to?")
    opened, asked = [one.message for one in await bot.get_updates(timeout=5)]
    assert opened.forum_topic_created.name == "Travel"
    assert asked.message_thread_id == opened.message_thread_id
    assert (asked.from_user.first_name, asked.chat.title) == ("Bruno", "Friends")


@browsed
async def test_what_is_being_written_is_seen_until_it_is_sent(page: Page, bot: Bot) -> None:
    await bot.send_chat_action(7, "typing")
    await expect(page.locator("#state")).to_have_text("typing…")
    await bot.send_message_draft(7, 1, "Let me")
    await expect(page.locator(".draft")).to_have_text("Let me")
    await bot.send_message(7, "Let me see.")
    await expect(page.locator(".draft")).to_have_count(0)
    await expect(page.locator("#state")).to_have_text("bot")


@browsed
async def test_calls_are_listed_and_refusals_stand_out(page: Page, bot: Bot) -> None:
    await page.get_by_role("button", name="Calls", exact=True).click()
    with pytest.raises(BadRequest):
        await bot.send_message(7, " ")
    refused = page.locator("#calls .refused")
    await expect(refused).to_contain_text("sendMessage")
    await expect(refused).to_contain_text("Bad Request: text must be non-empty")


@browsed
async def test_an_inline_query_is_asked_and_a_result_sent(page: Page, bot: Bot) -> None:
    await page.get_by_title("Send something else").click()
    await page.locator("#attachments button", has_text="Inline query").click()
    await page.get_by_label("Inline query").fill("what is it?")
    (asked,) = await bot.get_updates(timeout=5)
    article = InlineQueryResultArticle("1", "An answer", InputTextMessageContent("42"))
    await bot.answer_inline_query(asked.inline_query.id, [article])
    await page.locator("#inline-results button", has_text="An answer").click()
    await expect(page.locator(".bubble.own")).to_contain_text("42")
    await expect(page.locator(".bubble.own .note")).to_have_text("via @OutriderTestBot")


@browsed
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1400])
async def test_nothing_is_wider_than_the_page(
    browser: Browser, telegram: TelegramWithPage, bot: Bot, scheme: Any, width: int
) -> None:
    await bot.send_message(7, "x" * 500, entities=[MessageEntity("pre", 0, 500)])
    await bot.send_message(7, "y" * 500)
    async with await browser.new_context(
        viewport={"width": width, "height": 700}, color_scheme=scheme
    ) as context:
        page = await context.new_page()
        await page.goto(telegram.url)
        await expect(page.locator(".bubble")).to_have_count(2)
        fits = "[document.body, document.querySelector('#messages')].every((one) => "
        assert await page.evaluate(fits + "one.scrollWidth <= one.clientWidth)")


async def test_the_same_calls_are_there_as_json(telegram: TelegramWithPage, bot: Bot) -> None:
    async with httpx.AsyncClient(base_url=telegram.url) as client:

        async def post(path: str, **given: Any) -> Any:
            return (await client.post(f"/_fake/{path}", json=given)).raise_for_status().json()

        said = await post("say", chat_id=7, text="hi")
        await post("edit", chat_id=7, message_id=said["message_id"], text="hello")
        data = base64.b64encode(b"one").decode()
        sent = await post("do/user_sends_document", chat_id=7, data=data, file_name="a.txt")
        topic = await post("do/open_topic", chat_id=-100, name="Travel")
        chat = (await client.get("/_fake/chats/7")).json()
        view = (await client.get("/_fake/view?person=7&chat=7")).json()
        unknown = await client.post("/_fake/do/fail_next", json={"method": "getMe"})
        wrong = await client.post("/_fake/do/user_says", json={"chat_id": 7})
    kinds = [one.to_dict().keys() - {"update_id"} for one in await bot.get_updates(timeout=2)]
    assert kinds == [{"message"}, {"edited_message"}, {"message"}, {"message"}]
    assert [one["text"] for one in chat["messages"][0]["versions"]] == ["hi", "hello"]
    assert sent["result"] == {"chat_id": 7, "message_id": 2}
    assert topic["result"] == 1
    assert view["messages"][1]["content"]["note"] == "a.txt, 3 bytes"
    assert (unknown.status_code, wrong.status_code) == (400, 400)
