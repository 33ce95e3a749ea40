"""Traces in a real browser: why an answer was slow, what it was given, and asking it again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from assistant.insight.trace import TraceReader
from assistant.messages import Arrival
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.admin_browser import faults_by_axe, fits, look, signed_in
from tests.support.admin_house import AdminHouse, admin_house
from tests.support.house import FAST, House, house, incoming, until, working
from tests.support.orders import told

pytestmark = pytest.mark.browser
# On a machine that is busy a short lease is lost, and each attempt has a second.
CALM = FAST.model_copy(update={"lease_seconds": 30.0})


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url, settings=CALM) as built:
        yield built


@pytest_asyncio.fixture
async def admin(home: House) -> AsyncIterator[AdminHouse]:
    async with admin_house(home) as made:
        yield made


def engine() -> ScriptedEngine:
    return ScriptedEngine(
        ScriptedSettings(tokens_per_second=60.0, answer_tokens=90, first_token_seconds=0.8)
    )


async def answered(home: House, text: str) -> int:
    arrival = Arrival()
    turn = (await home.service.accept(incoming(text, arrival=arrival))).turn_id
    arrival.acknowledge()
    await home.answer(turn)
    await until(lambda: _recorded(home, turn))
    return turn


async def _recorded(home: House, turn: int) -> bool:
    found = await TraceReader(home.database).of(turn)
    assert found is not None
    shown = found.delivery is not None and found.delivery.finished_at is not None
    return shown and bool(found.attempts) and found.attempts[-1].ended_at is not None


async def test_an_operator_finds_why_an_answer_was_slow_and_asks_it_again(
    admin_browser: Browser, home: House, admin: AdminHouse
) -> None:
    await told(home, "memory", "I live by a lake")
    async with working(home.worker(engine())):
        await answered(home, "Tell me about herons")
        turn = await answered(home, "And how do they fish?")
        async with signed_in(admin_browser, admin, "operator") as page:
            await page.goto("/admin")
            await page.get_by_role("link", name="Traces").click()
            await expect(page.get_by_role("row")).to_have_count(3)
            await page.get_by_label("Order").select_option("slowest")
            await page.get_by_role("button", name="Show").click()
            await look(page, "traces")
            await page.get_by_role("link", name=str(turn), exact=True).click()
            await expect(page.locator(".longest")).to_contain_text("the model wrote the answer")
            await expect(page.get_by_text("Decode: first to last token")).to_be_visible()
            await look(page, "trace")
            await page.get_by_role("link", name="Show the prompt").click()
            await expect(page.get_by_text("I live by a lake")).to_be_visible()
            await expect(page.get_by_role("status")).to_contain_text("exactly what the model")
            await look(page, "trace-prompt")
            await page.get_by_role("link", name="Back to the trace").click()
            await page.get_by_role("link", name="Ask it again").click()
            await page.get_by_label("Persona").select_option("teacher")
            assert await faults_by_axe(page) == []
            await page.get_by_role("button", name="Ask").click()
            await expect(page.get_by_text("Is being written …")).to_be_visible()
            await expect(page.get_by_text("whole answer after")).to_have_count(2)
            await expect(page.locator(".answer")).to_have_count(2)
            await look(page, "trace-again")


async def test_a_running_answer_grows_on_its_page(
    admin_browser: Browser, home: House, admin: AdminHouse
) -> None:
    slow = ScriptedEngine(ScriptedSettings(tokens_per_second=20.0, answer_tokens=900))
    async with working(home.worker(slow)):
        turn = (await home.say("Tell me about herons")).turn_id
        async with signed_in(admin_browser, admin, "viewer") as page:
            await page.goto(f"/admin/traces/{turn}")
            await expect(page.get_by_text("this page follows")).to_be_visible()
            await expect(page.get_by_text("Decode: first to last token")).to_be_visible()
            await expect(page.get_by_text("goes on").first).to_be_visible()
            await home.service.stop(turn)
            await expect(page.get_by_text("The answer is over")).to_be_visible()


async def test_an_empty_list_and_a_missing_answer_say_what_to_do_on_a_phone_in_german(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    size = {"width": 360, "height": 740}
    async with signed_in(admin_browser, admin, "viewer", viewport=size, locale="de-DE") as page:
        await page.goto("/admin/traces")
        await expect(page.get_by_text("Noch wurde nichts gefragt.")).to_be_visible()
        assert await fits(page) and await faults_by_axe(page) == []
        await page.goto("/admin/traces/987654321")
        await expect(page.get_by_role("alert")).to_be_visible()
