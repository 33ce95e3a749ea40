"""Signing in by the provider and by a code, and handing out accounts and keys, in a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.fakes.oidc.server import Someone
from tests.support.admin_browser import faults_by_axe, look, signed_in
from tests.support.admin_house import PASSWORD, AdminHouse
from tests.support.house import house
from tests.support.oidc_house import OidcHouse, oidc_house
from tests.support.second_factor import Device

pytestmark = pytest.mark.browser


@pytest_asyncio.fixture
async def oidc(database_url: str, redis_url: str) -> AsyncIterator[OidcHouse]:
    async with house(database_url, redis_url) as lived, oidc_house(lived) as made:
        yield made


async def test_an_admin_signs_in_by_the_provider_and_a_stranger_is_told_why_not(
    admin_browser: Browser, oidc: OidcHouse
) -> None:
    async with signed_in(admin_browser, oidc.admin) as page:
        await page.context.clear_cookies()
        await page.goto("/admin/admins")
        await look(page, "signin-provider")
        await page.get_by_role("link", name="Sign in with 127.0.0.1").click()
        await expect(page.get_by_role("heading", name="Admins")).to_be_visible()
        await expect(page.get_by_role("link", name="ana", exact=True)).to_be_visible()
        await page.context.clear_cookies()
        oidc.provider.someone = Someone(sub="12", name="eve", groups=("Strangers",))
        await page.goto("/admin")
        await page.get_by_role("link", name="Sign in with 127.0.0.1").click()
        await expect(page.get_by_role("alert")).to_contain_text("none of your groups")
        assert "code=" not in page.url
        assert await faults_by_axe(page) == []


async def test_an_admin_sets_up_a_second_factor_and_signs_in_with_it(
    admin_browser: Browser, oidc: OidcHouse
) -> None:
    async with signed_in(admin_browser, oidc.admin, "operator") as page:
        await page.goto("/admin/me")
        await page.get_by_role("link", name="Set up a second factor").click()
        await page.get_by_label("Current password").fill(PASSWORD)
        await page.get_by_role("button", name="Begin").click()
        device = await _scan(page)
        await look(page, "second-factor")
        await page.get_by_label("The code that the app shows now").fill(device.code(-1))
        await page.get_by_role("button", name="Turn on").click()
        await expect(page.get_by_role("listitem").filter(has_text="-")).to_have_count(10)
        await look(page, "recovery-codes")
        await page.get_by_role("link", name="I have kept them").click()
        await expect(page.get_by_text("10 recovery codes are left.")).to_be_visible()
        assert await faults_by_axe(page) == []
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_label("Name").fill("the-operator")
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
        await look(page, "signin-code")
        await page.get_by_label("Code").fill(device.code())
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("button", name="Sign out")).to_be_visible()


async def _scan(page: Page) -> Device:
    await page.get_by_text("I can't scan").click()
    spelt = await page.locator("code.once").text_content()
    assert await page.locator("svg.qr").is_visible()
    return Device((spelt or "").replace(" ", ""))


async def test_an_admin_lets_somebody_in_and_out_again(
    admin_browser: Browser, oidc: OidcHouse
) -> None:
    admin: AdminHouse = oidc.admin
    async with signed_in(admin_browser, admin) as page:
        await page.goto("/admin/admins")
        await look(page, "admins")
        await page.get_by_label("Name").fill("Noor نور")
        await page.get_by_label("Role").select_option("operator")
        await page.get_by_role("button", name="Create").click()
        await expect(page.locator("code.once")).to_be_visible()
        assert await faults_by_axe(page) == []
        await page.get_by_role("link", name="I have kept it").click()
        await look(page, "admin")
        await page.get_by_label("Role").select_option("viewer")
        await page.get_by_role("button", name="Save").click()
        page.on("dialog", lambda asked: asked.accept())
        await page.get_by_role("button", name="Disable").click()
        await expect(page.get_by_text("Nobody comes in by this account")).to_be_visible()
        await page.get_by_role("link", name="What happened to this account").click()
        await expect(page.get_by_text("admin.role_changed")).to_be_visible()


async def test_an_admin_makes_a_key_and_revokes_it(admin_browser: Browser, oidc: OidcHouse) -> None:
    async with signed_in(admin_browser, oidc.admin) as page:
        await page.goto("/admin/keys")
        await page.get_by_label("Name").fill("nightly")
        await page.get_by_label("Requests a minute").fill("60")
        await page.get_by_role("button", name="Make the key").click()
        await expect(page.get_by_text("at least one thing")).to_be_visible()
        await page.get_by_label("chat conversations").check()
        await page.get_by_label("admin.view see figures").check()
        await page.get_by_role("button", name="Make the key").click()
        await expect(page.locator("code.once")).to_contain_text("sk-outrider-")
        await page.get_by_role("link", name="I have kept it").click()
        await look(page, "keys")
        asked: list[str] = []
        page.on("dialog", lambda one: (asked.append(one.message), one.accept())[1])
        row = page.get_by_role("row").filter(has_text="nightly")
        await row.get_by_role("button", name="Revoke").click()
        await expect(row.get_by_text("revoked")).to_be_visible()
        assert asked == ["Revoke the key nightly? It opens nothing any more, within a second."]
    async with signed_in(admin_browser, oidc.admin, "operator") as page:
        for address in ("/admin/keys", "/admin/admins"):
            await page.goto(address)
            await expect(page.get_by_role("alert")).to_contain_text("takes the role admin")
