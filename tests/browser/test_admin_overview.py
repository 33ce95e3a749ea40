"""The overview in a real browser: it is live, says what needs a hand, and fits a phone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from assistant.lines import LineReports, Lines
from assistant.messages import ChatRef
from bots.admin import live
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.admin_browser import faults_by_axe, look, signed_in
from tests.support.admin_house import AdminHouse, admin_house
from tests.support.house import House, house, running, until, working

pytestmark = pytest.mark.browser


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    async with house(database_url, redis_url) as lived, admin_house(lived) as made:
        yield made


def gateway(home: House) -> LineReports:
    reports = LineReports("gateway-1", Lines(), home.signals, home.database)
    reports.lines.open("telegram", "default", "polling").become("open")
    for name in ("web", "api"):
        reports.lines.open(name, "default", "page").become("open")
    return reports


async def test_a_viewer_watches_a_question_being_answered_without_a_reload(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    home = admin.house
    lines = gateway(home)
    engine = ScriptedEngine(ScriptedSettings(tokens_per_second=20, answer_tokens=150))
    async with signed_in(admin_browser, admin, "viewer") as page:
        await page.goto("/admin")
        await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        await expect(page.get_by_role("alert")).to_contain_text("No worker is there")
        await expect(page.get_by_text("Nothing is being answered")).to_be_visible()
        assert await faults_by_axe(page) == []
        lines.lines.hear("telegram", "default")
        async with working(home.worker(engine, "worker-1")), running(say(lines)):
            await expect(page.get_by_text("All is well")).to_be_visible()
            await expect(page.get_by_role("row").filter(has_text="Telegram")).to_contain_text(
                "connected"
            )
            early = [await home.say("A short story", chat(number)) for number in range(10, 22)]
            for one in early:
                await home.answer(one.turn_id)
            asked = page.locator(".stat").filter(has_text="Messages")
            await expect(asked).to_contain_text("12", timeout=30_000)
            for number in range(5):
                await home.say("Tell me a story", chat(number))
            await expect(page.get_by_role("row").filter(has_text="running")).to_have_count(5)
            await expect(page.get_by_role("img", name="in the last five minutes")).to_be_visible()
            await look(page, "overview")
            for number in range(5, 10):
                await home.say("And another one", chat(number))
            await expect(page.get_by_role("row").filter(has_text="running")).not_to_have_count(0)
            await page.locator("#channels").evaluate("heading => heading.scrollIntoView()")
            await look(page, "overview-now")
            idle = page.get_by_text("Nothing is being answered")
            await expect(idle).to_be_visible(timeout=30_000)
            await expect(asked).to_contain_text("22 this month", timeout=30_000)
            await page.get_by_role("link", name="Stop updating").click()
            await expect(page.get_by_role("link", name="Update by itself")).to_be_visible()
            await home.say("One more", chat(9))
            await expect(page.get_by_text("Nothing is being answered")).to_be_visible()


async def test_what_needs_a_hand_is_said_with_what_to_do(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    home = admin.house
    lines = gateway(home)
    lines.lines.open("slack", "", "socket").fail("Slack doesn't know this token.", "refused")
    await home.service.accounts.register("slack", "default")
    turn = (await home.say("Hello")).turn_id
    await home.rows(
        "UPDATE turns SET state = 'failed', error_code = 'internal', finished_at = now()"
        " WHERE id = %(turn)s",
        {"turn": turn},
    )
    await lines.announce()
    await lines.write()
    async with working(home.worker(ScriptedEngine(), "worker-1")):
        await until(lambda: ready(home))
        async with signed_in(admin_browser, admin) as page:
            await page.goto("/admin/overview")
            alert = page.get_by_role("alert")
            await expect(alert).to_contain_text("Slack refuses the account default")
            await expect(alert).to_contain_text("Put a valid token into the settings")
            await expect(page.get_by_text("1 turn failed in the last day")).to_be_visible()
            await look(page, "overview-concerns")
            await home.service.retry(turn)
            await expect(page.get_by_text("1 turn failed in the last day")).to_be_hidden()


def say(lines: LineReports) -> asyncio.Task[None]:
    return asyncio.create_task(lines.run())


def chat(number: int) -> ChatRef:
    return ChatRef("telegram", "default", str(number))


async def ready(home: House) -> bool:
    return any(one.room for one in await home.signals.workers())


async def test_a_page_whose_sign_in_was_ended_says_so(
    admin_browser: Browser, admin: AdminHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "CHECK_SECONDS", -1.0)
    async with signed_in(admin_browser, admin, "viewer") as page:
        await page.goto("/admin")
        said = page.get_by_text("You were signed out. Reload the page to sign in.")
        await expect(said).to_be_hidden()
        await admin.house.rows("DELETE FROM admin_sessions")
        await expect(said).to_be_visible(timeout=30_000)


async def test_tabs_that_nobody_sees_hold_no_connection_and_are_live_again_when_shown(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    connections = 6  # that a browser keeps to a server
    async with signed_in(admin_browser, admin, "viewer") as first:
        await first.goto("/admin")
        nothing = first.get_by_text("Nothing is being answered")
        await expect(nothing).to_be_visible()
        await show(first, False)
        for _ in range(connections):
            tab = await first.context.new_page()
            await tab.goto("/admin")
            await expect(tab.get_by_text("Nothing is being answered")).to_be_visible()
            await show(tab, False)
        await admin.house.say("Hello", chat(1))
        await first.reload()  # would wait for ever for a connection
        await expect(nothing).to_be_hidden(timeout=30_000)
        await show(tab, True)
        await expect(tab.get_by_text("Nothing is being answered")).to_be_hidden(timeout=30_000)
        await expect(tab.get_by_text("The connection was lost")).to_be_hidden()


async def show(tab: Page, shown: bool) -> None:
    """As a browser does when another tab comes before it: without a screen it never would."""
    await tab.evaluate(
        """shown => {
            Object.defineProperty(document, "hidden", { configurable: true, value: !shown });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        shown,
    )
