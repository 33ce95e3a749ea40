"""What the assistant does is changed in a real browser: personas, canned answers, settings."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.support.admin_browser import faults_by_axe, look, signed_in
from tests.support.admin_house import AdminHouse, admin_house
from tests.support.house import house, working
from tests.support.orders import asked, press, quick, told

pytestmark = pytest.mark.browser


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    async with house(database_url, redis_url) as lived, admin_house(lived) as made:
        yield made


async def judged(admin: AdminHouse, *thumbs: str) -> None:
    """Answers of the teacher, and what people thought of them."""
    await told(admin.house, "persona", "teacher")
    for number, thumb in enumerate(thumbs):
        turn, _ = await asked(admin.house, f"What is a heron? {number}")
        await admin.house.service.press(press(thumb, turn))  # type: ignore[arg-type]


async def agree(page: Page) -> None:
    page.on("dialog", lambda dialog: dialog.accept())


async def test_a_persona_is_tried_changed_and_rolled_back(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    async with (
        working(admin.house.worker(quick(tokens_per_second=200))),
        signed_in(admin_browser, admin) as page,
    ):
        await judged(admin, "up", "up", "down")
        await agree(page)
        await page.goto("/admin/personas")
        await expect(page.get_by_role("row", name="teacher")).to_contain_text("67%")
        await look(page, "personas")
        await page.get_by_role("link", name="teacher").click()
        await page.get_by_label("Prompt").fill("Explain step by step, strictly.")
        await page.get_by_label("Question", exact=True).fill("What is a heron?")
        await page.get_by_role("button", name="Ask").click()
        await expect(page.get_by_role("heading", name="Your draft")).to_be_visible()
        await expect(page.get_by_text("tokens read")).to_have_count(2)
        await look(page, "persona")
        await page.get_by_label("Why").fill("People lost the thread")
        await page.get_by_role("button", name="Save as a new version").click()
        await expect(page.get_by_role("status")).to_contain_text("Saved as a new version")
        await page.get_by_role("link", name="Compare").click()
        await expect(page.locator("ins").last).to_be_visible()
        await look(page, "persona-compare")
        await page.get_by_role("button", name="Go back to 1").click()
        await expect(page.get_by_text("version 1 holds")).to_be_visible()
        await expect(page.get_by_role("row", name="People lost the thread")).to_be_visible()


async def test_who_may_only_look_sees_what_a_persona_says_and_no_buttons(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    async with signed_in(admin_browser, admin, "viewer") as page:
        await page.goto("/admin/personas/teacher")
        await expect(page.get_by_text("Explain step by step")).to_be_visible()
        await expect(page.get_by_role("button", name="Save as a new version")).to_have_count(0)
        await expect(page.get_by_role("button", name="Ask")).to_have_count(0)
        assert await faults_by_axe(page) == []


async def test_a_canned_answer_is_made_and_tried(admin_browser: Browser, admin: AdminHouse) -> None:
    async with signed_in(admin_browser, admin) as page:
        await page.goto("/admin/canned")
        await expect(page.get_by_text("There are none yet.")).to_be_visible()
        await page.get_by_role("link", name="New canned answer").click()
        await page.get_by_label("Name").fill("Opening hours")
        await page.get_by_label("Phrases").fill("?!")
        await page.get_by_label("Answer", exact=True).fill("We are open from 9 to 17.")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("alert")).to_contain_text("is no phrase")
        await page.get_by_label("Phrases").fill("opening hours\nwhen do you open\nclosing time*")
        await look(page, "canned-one")
        await page.get_by_role("button", name="Save").click()
        await page.get_by_label("Message").fill("What are your opening hours?")
        await page.get_by_role("button", name="Look").click()
        await expect(page.get_by_text("would answer.")).to_be_visible()
        await look(page, "canned")


async def test_a_setting_is_changed_and_given_back(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    async with signed_in(admin_browser, admin) as page:
        await agree(page)
        await page.goto("/admin/settings")
        await page.get_by_role("link", name="Longest message, characters").click()
        field = page.get_by_label("Longest message, characters")
        await field.fill("none")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("Write a whole number.")).to_be_visible()
        await field.fill("500")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("status")).to_contain_text("Saved.")
        assert admin.house.settings.message_characters == 500
        await look(page, "setting")
        await page.goto("/admin/settings")
        await expect(page.get_by_text("changed", exact=True)).to_be_visible()
        await look(page, "settings")
        await page.get_by_role("link", name="Longest message, characters").click()
        await page.get_by_role("button", name="Go back to it").click()
        await expect(page.get_by_role("row", name="the-admin")).to_have_count(2)
        assert admin.house.settings.message_characters == 32_000
