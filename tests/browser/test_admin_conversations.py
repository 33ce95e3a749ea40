"""An admin finds a conversation by a misspelt word, reads it, takes it as a file, and erases it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from assistant.errors import StorageUnavailable
from assistant.insight.search import Search
from tests.support.admin_browser import faults_by_axe, look, signed_in
from tests.support.admin_house import AdminHouse, admin_house
from tests.support.finding import enter
from tests.support.house import House, house, working
from tests.support.orders import GROUP, asked, press, quick

pytestmark = pytest.mark.browser

ANSWER = """Herons sleep **in trees**, mostly in company:

1. in winter near open water
2. in spring at the colony

| time | where |
|---|---|
| night | high branches |
| noon | reeds |
"""


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    async with (
        house(database_url, redis_url) as home,
        working(home.worker(quick())),
        admin_house(home) as made,
    ):
        await talk(home)
        yield made


async def talk(home: House) -> None:
    turn, _ = await asked(home, "Where do herons sleep?", sender_name="Ana Lima")
    await home.service.press(press("up", turn))
    await home.rows("UPDATE turns SET reply = %(reply)s", {"reply": ANSWER})
    await asked(home, "And in summer?", sender_name="Ana Lima")
    failed, _ = await asked(
        home, "Which birds are herons?", GROUP, sender_id="8", sender_name="ليلى"
    )
    await home.rows(
        "UPDATE turns SET state = 'failed', error_code = 'timeout', reply = '' WHERE id = %(id)s",
        {"id": failed},
    )
    await enter(home)


async def test_an_operator_finds_reads_and_exports_a_conversation(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    async with signed_in(admin_browser, admin, "operator") as page:
        await page.goto("/admin")
        await page.get_by_role("link", name="Conversations").click()
        await page.get_by_label("Words").fill("hreons")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Few have the word as you typed it")).to_be_visible()
        await expect(page.locator("mark").first).to_have_text("herons")
        await look(page, "conversations")
        await page.get_by_text("Narrow it down").click()
        await page.get_by_label("Words").fill("")
        await page.get_by_label("failed only").check()
        await page.get_by_role("button", name="Search").click()
        await expect(page.locator(".hit")).to_have_count(1)
        assert await faults_by_axe(page) == []
        await page.goto("/admin/conversations?q=sleep")
        await page.get_by_role("link", name="Ana Lima").click()
        await expect(page.locator(".looked-for")).to_contain_text("Where do herons sleep?")
        await look(page, "conversation")
        async with page.expect_download() as downloading:
            await page.get_by_role("link", name="As text").click()
        assert (await downloading.value).suggested_filename.endswith(".md")
        await expect(page.get_by_role("link", name="Erase")).to_have_count(0)


async def test_an_admin_erases_a_conversation_and_sees_the_proof(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    async with signed_in(admin_browser, admin) as page:
        await page.goto("/admin/conversations?q=sleep")
        await page.get_by_role("link", name="Ana Lima").click()
        await page.get_by_role("link", name="Erase").click()
        await look(page, "conversation-erase")
        await page.get_by_role("button", name="Erase for good").click()
        await expect(page.get_by_text("All of it is gone.")).to_be_visible()
        await look(page, "erasure")
        await page.goto("/admin/erasures")
        await expect(page.get_by_role("row")).to_have_count(2)
        assert await faults_by_axe(page) == []


async def test_a_viewer_is_told_which_role_it_takes(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    async with signed_in(admin_browser, admin, "viewer") as page:
        await page.goto("/admin/conversations")
        await expect(page.get_by_role("alert")).to_contain_text("takes the role operator")
        await expect(page.get_by_role("link", name="Conversations")).to_have_count(0)


async def test_a_search_that_fails_says_so_and_can_be_tried_again(
    admin_browser: Browser, admin: AdminHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(*given: object) -> None:
        raise StorageUnavailable("away")

    async with signed_in(admin_browser, admin, "operator") as page:
        await page.goto("/admin/conversations")
        search = page.get_by_role("button", name="Search", exact=True)
        await page.get_by_role("searchbox").fill("herons")
        with monkeypatch.context() as broken:
            broken.setattr(Search, "find", unavailable)
            await search.click()
            await expect(page.get_by_role("alert")).to_be_visible()
        await search.click()
        await expect(page.locator("#found .hit").first).to_be_visible()
        await expect(page.get_by_role("alert")).to_have_count(0)
