"""People in a real browser: somebody is found and given more, a stranger is let in, links part."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from assistant.answering.turns import Claimant, Outcome
from assistant.errors import MessageRefused, QuotaSpent
from tests.support.admin_browser import faults_by_axe, look, signed_in
from tests.support.admin_house import AdminHouse, admin_house
from tests.support.decided import look_again
from tests.support.house import CHAT, House, house

pytestmark = pytest.mark.browser

WHO = (
    ("7", "Ana Sousa", 5),
    ("8", "Benedikt Huber", 3),
    ("9", "علي حسن", 2),
    ("10", "Chidi Okafor", 1),
)


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    async with house(database_url, redis_url) as lived, admin_house(lived) as made:
        for sender, name, questions in WHO:
            for _ in range(questions):
                await _answered(lived, sender, name)
        yield made


async def _answered(home: House, sender: str, name: str) -> None:
    chat = replace(CHAT, chat_id=f"chat-{sender}")
    await home.say("What shall I cook tonight?", chat, sender_id=sender, sender_name=name)
    (turn,) = await home.turns.claim(Claimant("worker", 10.0, "model"), 1)
    ended = Outcome("done", "Soup.", prompt_tokens=900 + int(sender), output_tokens=120)
    assert await home.turns.finish(turn, ended)


async def test_an_operator_finds_somebody_and_gives_them_more(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    rule = {"of": "everyone", "messages_per_day": "5", "tokens_per_month": "200000"}
    await admin.post("admin", "/admin/people/quotas", rule)
    group = {"of": "groups", "messages_per_day": "100", "why": "the team's groups"}
    await admin.post("admin", "/admin/people/quotas", group)
    look_again(admin.house)
    with pytest.raises(QuotaSpent):
        await _answered(admin.house, "7", "Ana Sousa")
    async with signed_in(admin_browser, admin, "operator") as page:
        await page.goto("/admin/people")
        await look(page, "people")
        await page.get_by_label("Find somebody").fill("sousa")
        await page.keyboard.press("Enter")
        await page.get_by_role("link", name="Ana Sousa").click()
        await expect(page.get_by_text("used up")).to_be_visible()
        await page.get_by_text("Give more for a while").click()
        await page.get_by_label("Messages per day").last.fill("20")
        await page.get_by_label("For how long").select_option("168")
        await page.get_by_label("Why (for other admins)").fill("A week of planning")
        await page.get_by_role("button", name="Give", exact=True).click()
        await expect(page.get_by_text("5 of 20", exact=True)).to_be_visible()
        await expect(page.get_by_text("For a while, until")).to_be_visible()
        await look(page, "person")
        look_again(admin.house)
        await _answered(admin.house, "7", "Ana Sousa")
        await page.goto("/admin/people/quotas")
        await expect(page.get_by_role("link", name="Ana Sousa")).to_be_visible()
        await expect(page.get_by_role("heading", name="Set a quota")).to_be_hidden()
    async with signed_in(admin_browser, admin) as page:
        await page.goto("/admin/people/quotas")
        await look(page, "people-quotas")


async def test_a_stranger_is_let_in_and_a_person_is_blocked(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    telegram = admin.house.service.accounts.get("telegram", "default").id
    door = f"/admin/people/access/accounts/{telegram}"
    await admin.post("admin", door, {"access": "pairing"})
    await admin.post("operator", f"{door}/list", {"entry": "-100200", "why": "The kitchen's group"})
    async with signed_in(admin_browser, admin) as page:
        await _asks(admin, page)
        await look(page, "people-access")
        await page.get_by_role("button", name="Let in").click()
        await expect(page.get_by_text("Nobody asks to be let in.")).to_be_visible()
        await _answered(admin.house, "11", "Dilara Aksoy")
        await page.goto("/admin/people?q=dilara")
        await page.get_by_role("link", name="Dilara Aksoy").click()
        page.once("dialog", lambda dialog: dialog.accept())
        await page.get_by_role("button", name="Block", exact=True).click()
        await expect(page.get_by_role("button", name="Let in again")).to_be_visible()
        assert await faults_by_axe(page) == []
        await page.goto("/admin/people?blocked=true")
        await expect(page.get_by_role("link", name="Dilara Aksoy")).to_be_visible()


async def test_an_admin_erases_a_person_and_sees_the_proof(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    async with signed_in(admin_browser, admin) as page:
        await page.goto("/admin/people?q=sousa")
        await page.get_by_role("link", name="Ana Sousa").click()
        await page.get_by_role("link", name="Erase").click()
        await look(page, "person-erase")
        await page.get_by_role("link", name="Keep them").click()
        await page.get_by_role("link", name="Erase").click()
        await page.get_by_role("button", name="Erase for good").click()
        await expect(page.get_by_text("All of it is gone.")).to_be_visible()
        await expect(page.get_by_role("heading", name="Person")).to_be_visible()
        await page.goto("/admin/people?q=sousa")
        await expect(page.get_by_text("Nobody fits.")).to_be_visible()


async def _asks(admin: AdminHouse, page: Page) -> None:
    """A stranger, who gets a code."""
    look_again(admin.house)
    with pytest.raises(MessageRefused):
        await _answered(admin.house, "11", "Dilara Aksoy")
    await page.goto("/admin/people/access")
    await expect(page.get_by_role("link", name="Dilara Aksoy")).to_be_visible()


async def test_a_viewer_sees_and_changes_nothing(admin_browser: Browser, admin: AdminHouse) -> None:
    async with signed_in(admin_browser, admin, "viewer") as page:
        for address in ("/admin/people", "/admin/people/access", "/admin/people/quotas"):
            await page.goto(address)
            assert await faults_by_axe(page) == []
            buttons = page.get_by_role("main").get_by_role("button")
            assert await buttons.all_inner_texts() in ([], ["Show"])
        await page.goto("/admin/people/987654321")
        await expect(page.get_by_role("alert")).to_contain_text("There is no such person")
