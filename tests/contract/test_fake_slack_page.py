"""The fake Slack by hand: its page in a real browser, and the same calls as JSON."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import FakeSlack, Rates
from tests.fakes.slack.page import CHATS, USER, add_page
from tests.support.chromium import chromium
from tests.support.slack_library import library, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")
browsed = pytest.mark.browser
EVIL = "<img src=x onerror=\"document.title='broken into'\">"
STOP: dict[str, Any] = {
    "type": "button",
    "action_id": "stop",
    "value": "7",
    "text": {"type": "plain_text", "text": "Stop"},
}
FEEDBACK: dict[str, Any] = {
    "type": "context_actions",
    "elements": [
        {
            "type": "feedback_buttons",
            "action_id": "feedback",
            "positive_button": {"text": {"type": "plain_text", "text": "Good"}, "value": "good"},
            "negative_button": {"text": {"type": "plain_text", "text": "Bad"}, "value": "bad"},
        }
    ],
}
HERE = {"recipient_team_id": "T0FAKE", "recipient_user_id": USER}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def slack() -> AsyncIterator[FakeSlack]:
    fake = FakeSlack(rates=Rates(enforced=False))
    add_page(fake)
    async with fake:
        yield fake


@pytest_asyncio.fixture(loop_scope="module")
async def api(slack: FakeSlack) -> AsyncWebClient:
    return library(slack)


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, slack: FakeSlack) -> AsyncIterator[Page]:
    complaints: list[str] = []
    async with await browser.new_context(viewport={"width": 1300, "height": 800}) as context:
        opened = await context.new_page()
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda said: complaints.append(said.text))
        await opened.goto(slack.url)
        await expect(opened.locator("#title")).to_have_text("# general")
        yield opened
    assert complaints == []


async def write(page: Page, text: str, into: str = "Message") -> None:
    await page.get_by_role("textbox", name=into).fill(text)
    await page.keyboard.press("Enter")


def events(slack: FakeSlack) -> list[dict[str, Any]]:
    return [one.body["event"] for one in slack.deliveries]


@browsed
async def test_a_mention_is_written_edited_and_deleted_and_shown_as_text(
    page: Page, slack: FakeSlack
) -> None:
    await write(page, f"@Outrider {EVIL}")
    shown = page.locator("#messages .message")
    await expect(shown.locator(".words")).to_have_text(f"@Outrider {EVIL}")
    assert await page.locator("#messages img").count() == 0
    await shown.hover()
    await shown.get_by_role("button", name="Edit").click()
    await write(page, "never mind")
    await expect(shown.locator(".words")).to_have_text("never mind")
    await expect(shown.locator(".tag")).to_have_text("edited 1×")
    await shown.hover()
    await shown.get_by_role("button", name="Delete").click()
    await expect(shown).to_have_count(0)
    kinds = [one.get("subtype", one["type"]) for one in events(slack)]
    assert kinds == ["message", "app_mention", "message_changed", "message_deleted"]
    assert await page.title() == "A Slack for tests"


@browsed
async def test_a_stream_grows_in_its_thread_and_ends_with_feedback(
    page: Page, slack: FakeSlack, api: AsyncWebClient
) -> None:
    await write(page, "@Outrider hello")
    await slack.until(lambda: bool(slack.messages(CHATS["general"])))
    [root] = slack.messages(CHATS["general"])
    chat: dict[str, Any] = {"channel": root.channel}
    await api.assistant_threads_setStatus(
        channel_id=root.channel, thread_ts=root.ts, status="is thinking…"
    )
    first = page.locator("#messages .message").first
    await first.hover()
    await first.get_by_role("button", name="Thread").click()
    await expect(page.locator("#status")).to_contain_text("is thinking…")
    started = await api.chat_startStream(
        **chat, thread_ts=root.ts, markdown_text="# One\n**bold** `code` ", **HERE
    )
    ts = str(started["ts"])
    reply = page.locator("#replies .message").nth(1)
    await expect(reply).to_have_class("message bot streaming")
    await expect(reply.locator("b").nth(1)).to_have_text("bold")
    await expect(page.locator("#status")).to_be_hidden()
    await api.chat_appendStream(**chat, ts=ts, markdown_text=f"\n```py\n{EVIL}\n```\n")
    await expect(reply.locator("pre")).to_have_text(EVIL)
    await api.chat_stopStream(**chat, ts=ts, blocks=[FEEDBACK])
    await expect(reply).to_have_class("message bot")
    await reply.get_by_role("button", name="Bad").click()
    await slack.until(lambda: bool(slack.courier.deliveries[-1].kind == "interactive"))
    assert slack.courier.deliveries[-1].body["actions"][0]["value"] == "bad"
    await expect(first.locator(".thread-link")).to_have_text("1 reply")


@browsed
async def test_a_reply_in_a_thread_stays_there_and_a_command_is_refused_in_it(
    page: Page, slack: FakeSlack
) -> None:
    root = slack.write(CHATS["general"], USER, "a question")
    await page.locator("#messages .message").hover()
    await page.get_by_role("button", name="Thread", exact=True).click()
    await write(page, "/ask more", "Reply")
    await expect(page.locator("#toast")).to_contain_text("no commands in threads")
    await write(page, "and more", "Reply")
    await expect(page.locator("#replies .message")).to_have_count(2)
    await expect(page.locator("#messages .message")).to_have_count(1)
    assert events(slack)[-1]["thread_ts"] == root.ts
    await write(page, "/ask what is it?")
    await slack.until(lambda: slack.courier.deliveries[-1].kind == "slash_commands")
    assert slack.courier.deliveries[-1].body["text"] == "what is it?"


@browsed
async def test_buttons_press_and_what_one_person_alone_sees_is_marked(
    page: Page, slack: FakeSlack, api: AsyncWebClient
) -> None:
    chat = CHATS["general"]
    blocks = [{"type": "markdown", "text": "An answer"}, {"type": "actions", "elements": [STOP]}]
    await api.chat_postMessage(channel=chat, text="An answer", blocks=blocks)
    await page.get_by_role("button", name="Stop", exact=True).click()
    await slack.until(lambda: slack.courier.deliveries[-1].kind == "interactive")
    assert slack.courier.deliveries[-1].body["actions"][0]["value"] == "7"
    await api.chat_postEphemeral(channel=chat, user=USER, text="psst")
    await expect(page.locator(".ephemeral")).to_contain_text("Only visible to you")
    await page.locator("#person").select_option("U0BRUNO")
    await expect(page.locator(".ephemeral")).to_have_count(0)


@browsed
async def test_the_assistant_pane_offers_prompts_and_shows_its_title(
    page: Page, slack: FakeSlack, api: AsyncWebClient
) -> None:
    await page.get_by_role("button", name="New chat").click()
    await expect(page.locator("#title")).to_have_text("Outrider")
    await slack.until(lambda: bool(events(slack)))
    thread = events(slack)[0]["assistant_thread"]
    assert thread["context"]["channel_id"] == CHATS["general"]
    place = {"channel_id": thread["channel_id"], "thread_ts": thread["thread_ts"]}
    prompts = [{"title": "Tea", "message": "Tell me of tea"}]
    await api.assistant_threads_setSuggestedPrompts(**place, title="Try", prompts=prompts)
    await page.get_by_role("button", name="Tea", exact=True).click()
    await expect(page.locator("#replies .message")).to_have_count(2)
    assert events(slack)[-1]["text"] == "Tell me of tea"
    await api.assistant_threads_setTitle(**place, title="Of tea")
    await expect(page.locator("#thread-title")).to_have_text("Of tea")


@browsed
async def test_the_home_tab_and_a_form_are_used(
    page: Page, slack: FakeSlack, api: AsyncWebClient
) -> None:
    await page.locator("#channels button", has_text="Outrider").click()
    await page.get_by_role("tab", name="Home").click()
    view = {"type": "home", "blocks": [{"type": "actions", "elements": [STOP]}]}
    await api.views_publish(user_id=USER, view=view)
    await page.locator("#home").get_by_role("button", name="Stop").click()
    await slack.until(lambda: slack.courier.deliveries[-1].kind == "interactive")
    pressed = slack.courier.deliveries[-1].body
    question = {
        "type": "input",
        "block_id": "question",
        "label": {"type": "plain_text", "text": "What?"},
        "element": {"type": "plain_text_input", "action_id": "words"},
    }
    title, submit = [{"type": "plain_text", "text": one} for one in ("Ask", "Go")]
    modal = {"type": "modal", "title": title, "submit": submit, "blocks": [question]}
    await api.views_open(trigger_id=pressed["trigger_id"], view=modal)
    await page.get_by_label("What?").fill("why?")
    await page.get_by_role("button", name="Go").click()
    await slack.until(lambda: slack.courier.deliveries[-1].body["type"] == "view_submission")
    values = slack.courier.deliveries[-1].body["view"]["state"]["values"]
    assert values["question"]["words"]["value"] == "why?"


@browsed
async def test_a_file_is_shared_and_an_outsider_and_a_broadcast_stand_out(
    page: Page, slack: FakeSlack, api: AsyncWebClient
) -> None:
    await page.locator("#channels button", has_text="partners").click()
    notes = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"one"}
    await page.locator("#file").set_input_files([notes])
    await expect(page.locator(".file")).to_have_text("notes.txt, 3 bytes")
    await page.locator("#person").select_option("U0CARLA")
    await write(page, "hello from outside")
    await expect(page.locator(".tag")).to_have_text("other company")
    await api.chat_postMessage(channel=CHATS["partners"], text="<!here> wake up")
    await expect(page.locator(".tag.bad")).to_have_text("calls @here")
    assert events(slack)[0]["files"][0]["name"] == "notes.txt"


@browsed
async def test_calls_are_listed_and_refusals_stand_out(page: Page, api: AsyncWebClient) -> None:
    await page.get_by_role("button", name="Calls", exact=True).click()
    await refusal(api.chat_delete(channel=CHATS["general"], ts="1.1"))
    await expect(page.locator("#calls .refused")).to_contain_text("chat.delete")
    await expect(page.locator("#calls .refused p")).to_have_text("message_not_found")


@browsed
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1400])
async def test_nothing_is_wider_than_the_page(
    browser: Browser, slack: FakeSlack, api: AsyncWebClient, scheme: Any, width: int
) -> None:
    long = [{"type": "markdown", "text": f"```\n{'x' * 500}\n```\n{'y' * 500}"}]
    await api.chat_postMessage(channel=CHATS["general"], text="x", blocks=long)
    cells = [{"type": "raw_text", "text": "z" * 20}] * 15
    table = [{"type": "table", "rows": [cells]}]
    await api.chat_postMessage(channel=CHATS["general"], text="x", blocks=table)
    async with await browser.new_context(
        viewport={"width": width, "height": 700}, color_scheme=scheme
    ) as context:
        page = await context.new_page()
        await page.goto(slack.url)
        await expect(page.locator(".message")).to_have_count(2)
        fits = "[document.body, document.querySelector('#messages')].every((one) => "
        assert await page.evaluate(fits + "one.scrollWidth <= one.clientWidth)")


async def test_the_same_calls_are_there_as_json(slack: FakeSlack) -> None:
    here = {"user": USER, "channel": CHATS["general"]}
    async with httpx.AsyncClient(base_url=slack.url) as client:

        async def do(act: str, **given: Any) -> Any:
            answer = await client.post(f"/_fake/do/{act}", json=here | given)
            return answer.raise_for_status().json()["result"]

        ts = await do("say", text="@Outrider 1 < 2")
        await do("edit", ts=ts, text="2")
        data = base64.b64encode(b"one").decode()
        await do("share", name="a.txt", mimetype="text/plain", data=data, thread=ts)
        seen = (await client.get("/_fake/view", params=here)).json()
        unknown = await client.post("/_fake/do/nonsense", json=here)
        nobody = await client.get("/_fake/view", params=here | {"team": "T0NONE"})
    assert events(slack)[0]["text"] == f"<@{slack.workspace.bot_user_id}> 1 &lt; 2"
    assert [(one["text"], one["edits"]) for one in seen["messages"]] == [("2", 1), ("", 0)]
    assert seen["messages"][1]["files"][0]["bytes"] == 3
    assert (unknown.status_code, nobody.status_code) == (400, 404)
