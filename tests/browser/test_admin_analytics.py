"""The analytics page in a real browser: charts, choices, the file; with its pictures."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from assistant.insight.closing import Closing
from tests.support.admin_browser import faults_by_axe, fits, look, signed_in
from tests.support.admin_house import AdminHouse, admin_house
from tests.support.house import house
from tests.support.past_turns import Past

pytestmark = pytest.mark.browser

# How many pixels of a chart's canvas were drawn upon.
DRAWN = """figure => { const canvas = figure.querySelector('canvas');
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return pixels.filter((value, index) => index % 4 === 3 && value > 0).length; }"""
CHARTS = 7
DAYS = 45


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    async with house(database_url, redis_url) as lived, admin_house(lived) as made:
        yield made


async def some_weeks(admin: AdminHouse) -> None:
    """People of a small team, busier on some days than on others; a new version of the teacher."""
    past = Past(admin.house.database)
    team = [await past.person(f"Person {n}") for n in range(9)]
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    for ago in range(DAYS, 0, -1):
        at = noon - timedelta(days=ago)
        for n in range(2 + round(3 * (1 + math.sin(ago / 3)))):
            teacher, person = (ago + n) % 3 == 0, team[(ago * n + n) % 9]
            turn = await past.turn(
                at + timedelta(minutes=n),
                person=person,
                channel=("telegram", "slack", "web")[(ago + n) % 3],
                persona="teacher" if teacher else "default",
                version=2 if teacher and ago < 20 else 1,
                state="failed" if (ago * 7 + n) % 31 == 0 else "done",
                first_token=0.2 + (ago * n % 7) / 10,
                shown=0.3 + (ago * n % 7) / 9,
                whole=2.0 + ago * n % 11,
            )
            if n % 2:
                up = not teacher or ago < 20 or n % 3 == 0
                await past.thumb(turn, person, 1 if up else -1, at)
    await Closing(admin.house.database).close_due()


async def drawn(page: Page) -> list[int]:
    return [await one.evaluate(DRAWN) for one in await page.locator("[data-chart]").all()]


async def test_a_viewer_sees_how_the_weeks_went_and_takes_the_numbers_along(
    admin_browser: Browser, admin: AdminHouse, tmp_path: Path
) -> None:
    await some_weeks(admin)
    async with signed_in(admin_browser, admin, "viewer") as page:
        await page.goto("/admin/analytics")
        await expect(page.locator(".u-legend")).to_have_count(CHARTS)
        assert all(count > 1000 for count in await drawn(page))
        await look(page, "analytics")
        await page.get_by_role("link", name="Last 90 days").click()
        await expect(page.get_by_role("link", name="Last 90 days")).to_have_attribute(
            "aria-current", "true"
        )
        await page.get_by_label("Apart by").select_option("version")
        await page.get_by_label("Persona", exact=True).select_option("teacher")
        await page.get_by_role("button", name="Show").click()
        await expect(
            page.get_by_role("rowheader", name="teacher, version 2", exact=True)
        ).to_be_visible()
        await expect(page.locator(".u-legend")).to_have_count(CHARTS + 4)
        await look(page, "analytics-versions")
        async with page.expect_download() as begun:
            await page.get_by_role("link", name="Download as CSV").click()
        file = tmp_path / "figures.csv"
        await (await begun.value).save_as(file)
        lines = await asyncio.to_thread(file.read_text)
        assert "teacher,2," in lines


async def test_the_table_tells_what_the_charts_show_by_keyboard(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    await some_weeks(admin)
    async with signed_in(admin_browser, admin, "operator") as page:
        await page.goto("/admin/analytics?days=7")
        summary = page.get_by_text("Day by day")
        await summary.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("details.card tbody tr")).to_have_count(7)
        assert await faults_by_axe(page) == []
        assert await fits(page)


async def test_before_anybody_wrote_the_page_says_so(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    async with signed_in(admin_browser, admin, "viewer") as page:
        await page.goto("/admin/analytics")
        await expect(page.get_by_text("Nothing was answered in these days.")).to_be_visible()
        await look(page, "analytics-empty")


async def test_the_people_of_each_month_stand_against_the_licences_line(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    await some_weeks(admin)
    async with signed_in(admin_browser, admin, "admin", locale="de-DE") as page:
        await page.goto("/admin/analytics#months")
        months = page.locator("#months")
        await expect(months.get_by_role("row")).not_to_have_count(1)
        await expect(months).to_contain_text("700.000.000")
        await months.scroll_into_view_if_needed()
        await look(page, "analytics-months")
