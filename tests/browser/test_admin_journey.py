"""What an admin who has never seen Outrider does with docs/dashboard.md alone, in one sitting.

The pictures of the steps are in docs/admin/pictures/journey-*.png.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from assistant.messages import Arrival, ChatRef
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.admin_browser import look, picture, signed_in
from tests.support.admin_house import PASSWORD, AdminHouse, admin_house
from tests.support.finding import enter
from tests.support.house import FAST, House, house, incoming, until, working

pytestmark = pytest.mark.browser
ANA = ChatRef("telegram", "default", "51")
BEN = ChatRef("telegram", "default", "52")


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    settings = FAST.model_copy(update={"attempts": 1})
    async with (
        house(database_url, redis_url, settings=settings) as lived,
        admin_house(lived) as made,
    ):
        yield made


def engine(**values: float) -> ScriptedEngine:
    return ScriptedEngine(ScriptedSettings(**{"tokens_per_second": 400.0, **values}))


async def asked(home: House, text: str, chat: ChatRef, name: str) -> int:
    arrival = Arrival()
    who = {"sender_id": f"1{chat.chat_id}", "sender_name": name}
    message = incoming(text, chat, arrival=arrival, **who)
    turn = (await home.service.accept(message)).turn_id
    arrival.acknowledge()
    await home.answer(turn)

    async def recorded() -> object:
        return await home.rows(
            f"SELECT 1 FROM deliveries WHERE turn_id = {turn} AND state = 'done'"
        )

    await until(recorded)
    return turn


async def a_days_work(home: House) -> int:
    """One answer failed, one was slow, the others were not. Returns the slow one's turn."""
    async with working(home.worker(engine(fail_after_tokens=3))):
        await asked(home, "Which birds winter at the lake?", BEN, "Ben Ruiz")
    async with working(home.worker(engine(first_token_seconds=1.2, answer_tokens=60), "slow")):
        return await asked(home, "Tell me everything about herons", ANA, "Ana Lima")


async def test_an_admin_does_all_of_it_by_the_page_alone(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    slow = await a_days_work(admin.house)
    async with (
        working(admin.house.worker(engine(), "quick")),
        signed_in(admin_browser, admin) as page,
    ):
        page.on("dialog", lambda dialog: dialog.accept())
        await _signs_in(page)
        await _finds_why_it_was_slow(page, slow)
        await _gives_more(page)
        await _changes_a_persona_and_rolls_it_back(page)
        await _retries(page, admin.house)
        await enter(admin.house)
        await _exports(page)
    done = {action for action, _ in await admin.audited()}
    assert {"turn.retried", "persona.rolled_back"} <= done


async def _signs_in(page: Page) -> None:
    await page.context.clear_cookies()
    await page.goto("/admin")
    await page.get_by_label("Name").fill("the-admin")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    await look(page, "journey-1-signed-in")


async def _finds_why_it_was_slow(page: Page, slow: int) -> None:
    await page.get_by_role("link", name="Traces").click()
    await page.get_by_label("Order").select_option("slowest")
    await page.get_by_role("button", name="Show").click()
    await page.get_by_role("row").nth(1).get_by_role("link", name=str(slow), exact=True).click()
    await expect(page.get_by_text("Decode: first to last token")).to_be_visible()
    await picture(page, "journey-2-why-slow")


async def _gives_more(page: Page) -> None:
    await page.get_by_role("link", name="People", exact=True).click()
    await page.get_by_label("Find somebody").fill("lima")
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="Ana Lima").click()
    await page.get_by_text("Give more for a while").click()
    await page.get_by_label("Messages per day").first.fill("200")
    await page.get_by_role("button", name="Give", exact=True).click()
    await expect(page.get_by_text("of 200")).to_be_visible()
    await picture(page, "journey-3-more-quota")


async def _changes_a_persona_and_rolls_it_back(page: Page) -> None:
    await page.get_by_role("link", name="Personas", exact=True).click()
    await page.get_by_role("link", name="teacher").click()
    await page.get_by_label("Prompt").fill("Explain in two sentences, then ask one question.")
    await page.get_by_label("Why").fill("Shorter lessons")
    await page.get_by_role("button", name="Save as a new version").click()
    await expect(page.get_by_text("version 2 holds")).to_be_visible()
    await page.get_by_role("button", name="Go back to 1").click()
    await expect(page.get_by_text("version 1 holds")).to_be_visible()
    await picture(page, "journey-4-rolled-back")


async def _retries(page: Page, home: House) -> None:
    await page.get_by_role("link", name="Operations").click()
    await page.get_by_role("button", name="Retry", exact=True).click()
    await expect(page.get_by_role("status").first).to_contain_text("answered again")
    await picture(page, "journey-5-retried")

    async def answered() -> object:
        return not await home.rows("SELECT 1 FROM turns WHERE state IN ('queued', 'running')")

    await until(answered)
    await page.goto("/admin/operations")
    await expect(page.get_by_text("Nothing has failed.")).to_be_visible()


async def _exports(page: Page) -> None:
    await page.get_by_role("link", name="Conversations").click()
    await page.get_by_label("Words").fill("hreons")
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="Ana Lima").click()
    await picture(page, "journey-6-reader")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="JSON").click()
    saved = await (await download.value).path()
    assert "herons" in json.dumps(json.loads(Path(saved).read_text("utf-8")))
