"""The dashboard's frame in a real browser: signing in, the account, the audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.support.admin_browser import PHONE, faults_by_axe, fits, look, signed_in
from tests.support.admin_house import PASSWORD, AdminHouse, admin_house
from tests.support.house import house

pytestmark = pytest.mark.browser


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    async with house(database_url, redis_url) as lived, admin_house(lived) as made:
        yield made


async def test_an_admin_signs_in_by_keyboard_and_out_again(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    async with signed_in(admin_browser, admin, "viewer") as page:
        await page.context.clear_cookies()
        await page.goto("/admin/me")
        await expect(page.get_by_label("Name")).to_be_visible()
        await look(page, "signin")
        await page.get_by_label("Name").fill("the-admin")
        await page.get_by_label("Password").fill("wrong")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("not right")
        assert await faults_by_axe(page) == []
        await page.get_by_label("Password").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Your account")).to_be_visible()
        await look(page, "me")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_label("Name")).to_be_visible()


async def test_the_audit_log_shows_what_was_done_and_to_admins_alone(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    async with signed_in(admin_browser, admin) as page:
        await page.goto("/admin/audit")
        await expect(page.get_by_role("row")).to_have_count(4)  # three sign-ins and the head
        await look(page, "audit")
        await page.get_by_role("link", name=f"admin:{admin.admins['viewer'].id}").click()
        await expect(page.get_by_role("row")).to_have_count(2)
        await page.goto("/admin/audit?target=person:5")
        await expect(page.get_by_text("Nothing was changed yet.")).to_be_visible()
    async with signed_in(admin_browser, admin, "operator") as page:
        await page.goto("/admin/audit")
        await expect(page.get_by_role("alert")).to_contain_text("takes the role admin")
        assert await faults_by_axe(page) == []


async def test_on_a_phone_the_pages_are_behind_a_button(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    async with signed_in(admin_browser, admin, viewport=PHONE) as page:
        await page.goto("/admin/me")
        link = page.get_by_role("link", name="Audit log")
        await expect(link).to_be_hidden()
        await page.get_by_role("button", name="Menu").click()
        await expect(link).to_be_visible()
        assert await fits(page)
        await link.click()
        await expect(page.get_by_role("heading", name="Audit log")).to_be_visible()


async def test_moments_are_shown_in_the_readers_own_time(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    async with signed_in(admin_browser, admin, timezone_id="Asia/Tokyo") as page:
        await admin.house.rows("UPDATE audit_log SET at = '2026-03-01T20:00:00Z'")
        await page.goto("/admin/audit")
        await expect(page.locator("tbody time").first).to_contain_text("05:00:00")
