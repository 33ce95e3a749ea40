"""The web chat as people meet it: in a real browser."""

import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect
from pydantic import SecretStr

from bots.http.safety import HttpSafety
from bots.http.session import COOKIE
from tests.support.breakable_line import BreakableLine, breakable_line
from tests.support.chat_app import SAFETY, chat_app
from tests.support.chromium import chromium
from tests.support.memory_assistant import INFO, MemoryAssistant, ScriptedFailure, words
from tests.support.serving import serving

# One browser serves all tests here; each has a context, and a server, of its own.
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
expect.set_options(timeout=15_000)

CODE = "Here:\n\n```python\nprint('<b>' + \"x\" * 3)" + " # long" * 60 + "\n```\n\nDone."
EVIL = (
    "<script>document.title='broken into'</script><img src=x onerror=\"document.title='x'\"> "
    "[x](javascript:document.title='y') ![t](http://tracker.example/t.png)"
)


@dataclass
class Chat:
    page: Page
    assistant: MemoryAssistant
    line: BreakableLine
    address: str
    complaints: list[str]

    async def ask(self, text: str) -> None:
        await self.page.get_by_role("textbox", name="Message").fill(text)
        await expect(self.page.get_by_role("button", name="Send")).to_be_enabled()
        await self.page.keyboard.press("Enter")

    def turn(self, state: str):
        return self.page.locator(f".exchange[data-state={state}]")

    async def fits(self) -> bool:
        return await self.page.evaluate(
            "document.documentElement.scrollWidth <= innerWidth &&"
            " document.querySelector('main').scrollWidth <= innerWidth"
        )


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser():
    async with chromium() as running:
        yield running


@pytest.fixture
def chat(browser):
    return partial(open_chat, browser)


@asynccontextmanager
async def open_chat(browser, script=None, pace=0.01, safety=SAFETY, info=INFO, **options):
    """A page of a new person. Whatever the browser complains about fails the test."""
    scripted = {"script": script} if script else {}
    async with (
        MemoryAssistant(pace_seconds=pace, info=info, **scripted) as assistant,
        serving(chat_app(assistant, safety)) as server,
        breakable_line(server) as (address, line),
        await browser.new_context(**options) as context,
    ):
        page = await context.new_page()
        page.set_default_timeout(15_000)
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: (
                complaints.append(said.text) if said.type in ("error", "warning") else None
            ),
        )
        await page.goto(address)
        yield Chat(page, assistant, line, address, complaints)
        assert complaints == []


def endless(messages):
    yield "Once"
    while True:
        yield " more"


async def test_an_answer_streams_in_and_survives_a_reload(chat):
    async with chat(lambda m: words("The capital of *France* is Paris. " * 4), pace=0.05) as it:
        await expect(it.page.get_by_role("heading")).to_be_visible()
        await expect(it.page.get_by_text(INFO.notice)).to_be_visible()
        await it.ask("What is the capital?")
        reply = it.page.locator(".reply")
        await expect(reply).to_contain_text("The capital")  # while it is still being written
        await expect(it.turn("running")).to_have_count(1)
        await expect(it.turn("done")).to_have_count(1)
        await expect(reply.locator("em").first).to_have_text("France")
        await it.page.reload()
        await expect(it.page.locator(".question")).to_have_text("What is the capital?")
        await expect(reply).to_contain_text("The capital of France is Paris.")
        await expect(it.page.get_by_role("heading")).to_be_hidden()


async def test_an_answer_that_is_being_written_goes_on_after_a_reload(chat):
    async with chat(lambda m: words("one two three four five six seven"), pace=0.15) as it:
        await it.ask("count")
        await expect(it.page.locator(".reply")).to_contain_text("one two")
        await it.page.reload()
        await expect(it.turn("done").locator(".reply")).to_have_text(
            "one two three four five six seven"
        )


async def test_stop_keeps_what_was_said_and_a_next_question_can_be_asked(chat):
    async with chat(endless) as it:
        await it.ask("go on")
        await expect(it.page.locator(".reply")).to_contain_text("Once more")
        await it.page.get_by_role("button", name="Stop").click()
        await expect(it.turn("stopped")).to_contain_text("Stopped.")
        await expect(it.turn("stopped").locator(".reply")).to_contain_text("Once more")
        assert it.assistant.states() == ["stopped"]
        await it.ask("again")
        await expect(it.turn("running")).to_have_count(1)


async def test_a_question_behind_a_running_answer_is_seen_to_wait_also_after_a_reload(chat):
    def script(messages):
        yield from endless(messages) if messages[-1].content == "first" else ["At last."]

    async with chat(script) as it:
        await it.ask("first")
        await expect(it.page.locator(".reply")).to_contain_text("Once")
        await it.ask("second")
        last = it.page.locator(".exchange").last
        waiting, typing = last.locator(".waiting"), last.locator(".typing")
        for reload in (True, False):
            await expect(waiting).to_have_text("Waiting for the answer before this one.")
            await expect(waiting).to_be_visible()
            await expect(typing).to_be_hidden()
            if reload:
                await it.page.reload()
        it.assistant.may_write.clear()
        await it.assistant.stop(1)
        await expect(typing).to_be_visible()
        await expect(waiting).to_be_hidden()
        it.assistant.may_write.set()
        await expect(it.turn("done").locator(".reply")).to_have_text("At last.")
        await expect(waiting).to_be_hidden()


async def test_a_second_message_before_any_text_is_answered_with_the_first(chat):
    async with chat() as it:
        it.assistant.may_write.clear()
        await it.ask("one")
        await expect(it.turn("running")).to_have_count(1)
        await it.ask("two")
        await expect(it.page.locator(".exchange .question")).to_have_text(["one", "two"])
        await expect(it.page.locator(".exchange")).to_have_count(1)
        it.assistant.may_write.set()
        await expect(it.turn("done").locator(".reply p")).to_have_text(["You said: one", "two"])
        assert it.assistant.states() == ["done"]


async def test_an_example_asks_and_a_new_chat_starts_afresh(chat):
    async with chat() as it:
        await it.page.locator(".example").first.click()
        await expect(it.turn("done")).to_have_count(1)
        await it.page.get_by_role("button", name="New chat").click()
        await expect(it.page.locator(".exchange")).to_have_count(0)
        await expect(it.page.get_by_role("heading")).to_be_visible()
        await it.page.reload()
        await expect(it.page.locator(".exchange")).to_have_count(0)


async def test_an_order_is_answered_in_words_and_gone_after_a_reload(chat):
    async with chat() as it:
        await it.ask("/link")
        await expect(it.page.locator(".reply")).to_have_text("Done.")
        await expect(it.turn("done")).to_have_count(1)
        assert it.assistant.commands == [("link", "")]
        await it.ask("Hello")  # the page goes on as ever
        await expect(it.page.locator(".reply").last).to_contain_text("You said: Hello")
        await it.page.reload()
        await expect(it.page.locator(".question")).to_have_text("Hello")


async def test_enter_sends_and_shift_enter_starts_a_line(chat):
    async with chat() as it:
        field = it.page.get_by_role("textbox", name="Message")
        await field.fill("one")
        await it.page.keyboard.press("Shift+Enter")
        await it.page.keyboard.type("two")
        assert await field.input_value() == "one\ntwo"
        await it.page.keyboard.press("Enter")
        await expect(it.page.locator(".question")).to_have_text("one\ntwo")
        await expect(field).to_have_value("")


async def test_a_code_block_names_its_language_and_can_be_copied(chat):
    async with chat(lambda m: words(CODE), permissions=["clipboard-read", "clipboard-write"]) as it:
        await it.ask("code")
        await expect(it.turn("done")).to_have_count(1)
        await expect(it.page.locator("figcaption span")).to_have_text("python")
        await it.page.get_by_role("button", name="Copy").click()
        await expect(it.page.get_by_role("button", name="Copied")).to_be_visible()
        copied = await it.page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith("print('<b>' + \"x\" * 3) # long")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_on_a_phone_nothing_is_wider_than_the_screen(chat, scheme):
    reply = CODE + "\n\n| a | b | c |\n|---|---|---|\n|" + " wide cell |" * 3 + "\n\n" + "w" * 300
    viewport = {"width": 360, "height": 640}
    async with chat(lambda m: words(reply), viewport=viewport, color_scheme=scheme) as it:
        assert await it.fits()
        await it.ask("x" * 300)
        await expect(it.turn("done")).to_have_count(1)
        assert await it.fits()
        for name in ("Send", "New chat"):
            await expect(it.page.get_by_role("button", name=name)).to_be_in_viewport()


async def test_the_page_is_light_or_dark_as_the_system_is(chat):
    async with chat(color_scheme="light") as it:

        async def brightness():
            colour = await it.page.evaluate("getComputedStyle(document.body).backgroundColor")
            return sum(map(int, re.findall(r"\d+", colour)[:3]))

        assert await brightness() > 700
        await it.page.emulate_media(color_scheme="dark")
        assert await brightness() < 100


async def test_hostile_text_of_person_and_model_stays_text(chat):
    async with chat() as it:
        requests = []
        it.page.on("request", lambda request: requests.append(request.url))
        await it.ask(EVIL)
        await expect(it.turn("done")).to_have_count(1)
        await it.page.reload()
        await expect(it.turn("done").locator(".question")).to_have_text(EVIL)
        await expect(it.turn("done").locator(".reply")).to_contain_text("<script>")
        assert await it.page.title() == "Outrider"
        assert await it.page.locator("main :is(script, .exchange img, [onerror])").count() == 0
        assert await it.page.locator("a[href^='javascript']").count() == 0
        assert [url for url in requests if not url.startswith(it.address)] == []


async def test_a_failed_answer_says_why_and_can_be_tried_again(chat):
    tries = []

    def script(messages):
        tries.append(messages[-1].content)
        if len(tries) == 1:
            yield "Half"
            raise ScriptedFailure("The model stopped in mid-answer.")
        yield "Whole"

    async with chat(script) as it:
        await it.ask("please")
        await expect(it.turn("failed").get_by_role("alert")).to_contain_text(
            "The model stopped in mid-answer."
        )
        await it.turn("failed").get_by_role("button", name="Try again").click()
        await expect(it.turn("done").locator(".reply")).to_have_text("Whole")
        assert tries[0] in tries[1]


async def test_a_message_that_could_not_be_sent_is_kept_and_sent_once_on_retry(chat):
    async with chat() as it:
        it.assistant.storage_works = False
        await it.ask("keep me")
        await expect(it.turn("failed")).to_contain_text("Not sent.")
        assert it.assistant.states() == []
        it.assistant.storage_works = True
        await it.turn("failed").get_by_role("button", name="Try again").click()
        await expect(it.turn("done").locator(".reply")).to_have_text("You said: keep me")
        assert it.assistant.states() == ["done"]
        assert len(it.complaints) == 1  # the browser notes the 503
        it.complaints.clear()


async def test_while_the_model_starts_the_page_says_so_and_then_answers(chat):
    async with chat(info=None) as it:
        banner = it.page.get_by_text("The model is starting")
        await expect(banner).to_be_visible()
        await it.ask("early")
        await expect(it.page.locator(".typing")).to_be_visible()
        it.assistant.set_info(INFO)
        await expect(it.turn("done").locator(".reply")).to_have_text("You said: early")
        await expect(banner).to_be_hidden()
        await expect(it.page.get_by_text(INFO.model)).to_be_visible()


async def test_a_cut_connection_is_said_and_the_answer_is_all_there_when_it_is_back(chat):
    async with chat(lambda m: words("one two three four five six"), pace=0.15) as it:
        await it.ask("count")
        await expect(it.page.locator(".reply")).to_contain_text("one")
        it.line.cut()
        await expect(it.page.get_by_text("The connection was lost")).to_be_visible()
        it.line.mend()
        await expect(it.turn("done").locator(".reply")).to_have_text("one two three four five six")
        await expect(it.page.get_by_text("The connection was lost")).to_be_hidden()
        assert all("ERR_" in complaint for complaint in it.complaints)  # of the cut line
        it.complaints.clear()


async def test_right_to_left_text_runs_from_the_right(chat):
    async with chat(lambda m: words("مرحبا بالعالم")) as it:
        await it.ask("مرحبا")
        await expect(it.turn("done")).to_have_count(1)
        for selector in (".question", ".reply p"):
            direction = await it.page.locator(selector).evaluate(
                "e => getComputedStyle(e).direction"
            )
            assert direction == "rtl"


async def test_with_a_password_the_page_is_behind_the_sign_in(chat):
    locked = HttpSafety(host="0.0.0.0", session_secret=b"s" * 32, password=SecretStr("sesame"))
    async with chat(safety=locked) as it:
        assert it.page.url.endswith("/login?next=%2F")
        await it.page.get_by_label("Password").fill("wrong")
        await it.page.keyboard.press("Enter")
        await expect(it.page.get_by_role("alert")).to_have_text("That is not the password.")
        it.complaints.clear()  # the browser notes the 403
        await it.page.get_by_label("Password").fill("sesame")
        await it.page.keyboard.press("Enter")
        await it.ask("hello")
        await expect(it.turn("done").locator(".reply")).to_have_text("You said: hello")


@pytest.mark.parametrize("sent", [True, False])
async def test_what_was_written_is_there_again_after_a_sign_in_that_had_ended(chat, sent):
    locked = HttpSafety(host="0.0.0.0", session_secret=b"s" * 32, password=SecretStr("sesame"))
    async with chat(safety=locked) as it:
        field = it.page.get_by_role("textbox", name="Message")
        async with it.page.expect_response("**/chat/status"):  # the next is asked in half a minute
            await sign_in(it.page)
        text = "a long\nthought"
        await field.fill(text)
        await it.page.context.clear_cookies(name=COOKIE)
        if sent:
            await field.press("Enter")
        else:
            await it.page.get_by_role("button", name="New chat").click()
        await sign_in(it.page)
        await expect(field).to_have_value(text)
        await expect(it.page.get_by_role("alert")).to_contain_text("this was not sent")
        assert it.assistant.states() == []
        it.complaints.clear()  # the browser notes the 401
        await field.press("Enter")
        await expect(it.turn("done").locator(".reply")).to_have_text(f"You said: {text}")
        await expect(it.page.get_by_role("alert")).to_be_hidden()
        await it.page.reload()
        await expect(it.turn("done")).to_have_count(1)
        await expect(field).to_have_value("")


async def sign_in(page: Page) -> None:
    await page.get_by_label("Password").fill("sesame")
    await page.keyboard.press("Enter")
