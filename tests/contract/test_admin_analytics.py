"""The analytics page, its file and its endpoints, over HTTP on a real Postgres."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio

from assistant.insight.closing import Closing
from tests.support.admin_house import AdminHouse, admin_house, seen
from tests.support.house import house
from tests.support.past_turns import Past

HOSTILE = "<script>alert(1)</script>"


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    async with house(database_url, redis_url) as lived, admin_house(lived) as made:
        yield made


def noon(days_ago: int) -> datetime:
    today = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days_ago)


async def a_week(admin: AdminHouse) -> None:
    """Seven days with two answers each: one as the teacher, whose second version is liked."""
    past = Past(admin.house.database)
    ana, ben = await past.person("Ana"), await past.person("Ben")
    for ago in range(1, 8):
        await past.turn(noon(ago), person=ana, whole=4.0)
        version = 1 if ago > 3 else 2
        turn = await past.turn(
            noon(ago), person=ben, channel="slack", persona="teacher", version=version, whole=8.0
        )
        await past.thumb(turn, ben, 1 if version == 2 else -1, noon(ago))
    await past.turn(noon(2), person=ben, state="failed", first_token=None, shown=None)
    await Closing(admin.house.database).close_due()


async def test_an_empty_outrider_says_what_will_stand_here(admin: AdminHouse) -> None:
    page = await admin.get("viewer", "/admin/analytics")
    assert page.status_code == 200
    assert "Nothing was answered in these days." in seen(page)
    assert "700,000,000" in seen(page)


async def test_the_page_shows_what_was_counted(admin: AdminHouse) -> None:
    await a_week(admin)
    page = await admin.get("viewer", "/admin/analytics?days=30")
    text = seen(page)
    assert "Messages 15 15 answers" in text
    assert "2 people in 30 days" in text
    assert "Failed 6.7% 1 answer" in text
    assert "Thumbs up 43% of 7 thumbs" in text
    assert len(page.content) < 100_000
    [given] = re.findall(r'data-charts="(.*?)"', page.text)
    charts = json.loads(html.unescape(given))
    assert len(charts["x"]) == 30
    by_name = {one["name"]: one["lines"] for one in charts["charts"]}
    assert sum(by_name["answers"][1]["values"]) == 15
    assert {len(line["values"]) for lines in by_name.values() for line in lines} == {30}
    assert by_name["whole"][0]["values"][-1] is None  # today


async def test_versions_stand_side_by_side(admin: AdminHouse) -> None:
    await a_week(admin)
    text = seen(await admin.get("viewer", "/admin/analytics?by=version&persona=teacher"))
    assert re.search(r"teacher, version 2 \S+ 3 3 0 \S+ 100% of 3 thumbs", text)
    assert re.search(r"teacher, version 1 \S+ 4 4 0 \S+ 0% of 4 thumbs", text)
    one = seen(await admin.get("viewer", "/admin/analytics?persona=teacher@2"))
    assert "Messages 3 3 answers" in one


async def test_a_name_of_a_persona_is_never_markup(admin: AdminHouse) -> None:
    await Past(admin.house.database).turn(noon(1), persona=HOSTILE)
    for by in ("persona", "version"):
        page = await admin.get("viewer", f"/admin/analytics?by={by}&channel={HOSTILE}")
        assert HOSTILE not in page.text
        page = await admin.get("viewer", f"/admin/analytics?by={by}")
        assert HOSTILE not in page.text
        assert HOSTILE in seen(page) or "&lt;script&gt;" in page.text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("first=yesterday", "A day is written as"),
        ("last=2026-02-30", "A day is written as"),
        ("days=many", "between 1 and 9999"),
        ("days=0", "between 1 and 9999"),
        ("by=weather", "apart by channel, persona or version"),
        ("persona=a%20b%27--", "A persona is given by its name"),
    ],
)
async def test_what_can_not_be_read_is_one_sentence(
    admin: AdminHouse, query: str, said: str
) -> None:
    for path in ("/admin/analytics", "/admin/analytics.csv"):
        page = await admin.get("viewer", f"{path}?{query}")
        assert page.status_code == 400
        assert said in seen(page)


async def test_text_in_the_address_is_a_value_and_no_statement(admin: AdminHouse) -> None:
    await a_week(admin)
    for channel in ("' OR 1=1 --", "telegram'; DROP TABLE turns; --", "%", "\x00"):
        page = await admin.clients["viewer"].get("/admin/analytics", params={"channel": channel})
        assert page.status_code == 200
        if channel != "\x00":
            assert "Nothing was answered in these days." in seen(page)
    assert "Messages 15" in seen(await admin.get("viewer", "/admin/analytics"))


async def test_the_file_has_a_row_for_each_day_and_group(admin: AdminHouse) -> None:
    await a_week(admin)
    answer = await admin.get("viewer", "/admin/analytics.csv?days=8&by=channel")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"].startswith("attachment;")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 14
    assert sum(int(row["turns"]) for row in rows) == 15
    slack = [row for row in rows if row["group"] == "slack"]
    assert {row["people_a_day"] for row in slack} == {"1"}
    assert all(7.6 < float(row["whole_p50_seconds"]) < 8.4 for row in slack)
    days = [row["begins"] for row in slack]
    assert days == sorted(days)
    assert days[-1] == noon(1).date().isoformat()


async def test_no_name_in_the_file_is_a_formula(admin: AdminHouse) -> None:
    await Past(admin.house.database).turn(noon(1), persona="=1+2")
    answer = await admin.get("viewer", "/admin/analytics.csv?by=persona")
    [row] = csv.DictReader(io.StringIO(answer.text))
    assert row["group"] == "'=1+2"


async def test_a_program_reads_the_same_figures(admin: AdminHouse) -> None:
    await a_week(admin)
    head = {"authorization": f"Bearer {admin.keys['admin.view']}"}
    async with httpx.AsyncClient(base_url=admin.address, headers=head) as program:
        found = (await program.get("/v1/admin/figures", params={"by": "version"})).json()
        months = (await program.get("/v1/admin/figures/months")).json()
        refused = await program.get("/v1/admin/figures", params={"first": "yesterday"})
    assert found["whole"]["turns"] == 15
    assert found["whole"]["people_in_30_days"] == 2
    assert (found["period"], len(found["periods"]), found["missing_days"]) == ("day", 30, 0)
    shares = {(one["group"], one["version"]): one["thumbs_up"] for one in found["groups"]}
    assert shares == {("default", 1): 0, ("teacher", 1): 0, ("teacher", 2): 3}
    assert sum(one["turns"] for one in found["both"]) == 15
    assert found["whole"]["waited"]["whole"]["answers"] == 14
    assert months["licence_line"] == 700_000_000
    assert months["data"][-1]["begins"] == noon(0).date().replace(day=1).isoformat()
    assert refused.status_code == 400


async def test_the_page_speaks_german(admin: AdminHouse) -> None:
    await a_week(admin)
    page = await admin.get(
        "viewer", "/admin/analytics?by=channel", headers={"accept-language": "de"}
    )
    text = seen(page)
    assert "Nachrichten 15 15 Antworten" in text
    assert "Menschen in jedem Monat" in text
    assert "700.000.000" in text


async def test_days_that_are_still_being_counted_are_told_of(admin: AdminHouse) -> None:
    past = Past(admin.house.database)
    await past.turn(noon(5), person=await past.person())
    text = seen(await admin.get("viewer", "/admin/analytics"))
    assert "4 days are still being counted." in text
    await Closing(admin.house.database).close_due()
    text = seen(await admin.get("viewer", "/admin/analytics"))
    assert "still being counted" not in text
