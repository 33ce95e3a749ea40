"""The overview as a page, as a live stream and as JSON, over real HTTP."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from assistant.insight import concerns
from assistant.insight.concerns import BROKEN
from assistant.lines import LineReports, Lines
from assistant.signals import WorkerPresence
from bots.admin.overview import PARTS, spark
from bots.admin.words import LANGUAGES, Words, catalogue
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.admin_house import AdminHouse, admin_house, seen
from tests.support.house import House, house, until, working

MARKUP = "<script>alert(1)</script>"


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


@pytest_asyncio.fixture
async def admin(home: House) -> AsyncIterator[AdminHouse]:
    async with admin_house(home) as made:
        yield made


async def test_a_viewer_sees_how_everything_stands(home: House, admin: AdminHouse) -> None:
    lines = LineReports("gateway-1", Lines(), home.signals, home.database)
    lines.lines.open("telegram", "default", "polling").become("open")
    await lines.announce()
    async with working(home.worker(ScriptedEngine(), "worker-1")):
        await until(lambda: ready(home))
        page = await admin.get("viewer", "/admin/overview")
    text = seen(page)
    for part in ("All is well", "Telegram default connected long polling", "worker-1", "scripted"):
        assert part in text
    assert "Nothing is being answered" in text


async def ready(home: House) -> bool:
    return any(one.room for one in await home.signals.workers())


async def test_without_a_worker_it_says_what_to_do(admin: AdminHouse) -> None:
    text = seen(await admin.get("viewer", "/admin/overview"))
    assert "No worker is there: questions wait" in text
    assert "Start one with 'outrider worker'" in text


async def test_it_speaks_german(admin: AdminHouse) -> None:
    page = await admin.get(
        "viewer", "/admin/overview", headers={"accept-language": "de-AT,de;q=0.9"}
    )
    assert "Kein Worker ist da" in seen(page)
    assert "Gerade wird nichts beantwortet" in seen(page)


async def test_what_comes_from_outside_is_no_markup(home: House, admin: AdminHouse) -> None:
    await home.service.accounts.register("slack", "T1")
    await home.rows(
        "INSERT INTO installs (account_id, token, title)"
        " SELECT id, 'sealed', %(title)s FROM accounts WHERE name = 'T1'",
        {"title": MARKUP},
    )
    lines = LineReports("gateway-1", Lines(), home.signals, home.database)
    lines.lines.open("slack", "", "socket").fail(MARKUP, "refused")
    await lines.announce()
    await lines.write()
    await home.signals.announce(WorkerPresence(MARKUP, "dead", MARKUP, None))
    page = await admin.get("viewer", "/admin/overview")
    assert page.status_code == 200
    assert MARKUP not in page.text
    assert page.text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 6


async def test_a_turn_is_shown_without_a_word_of_it(home: House, admin: AdminHouse) -> None:
    turn = (await home.say("My secret is a duck", sender_name="Zoltan")).turn_id
    text = seen(await admin.get("viewer", "/admin/overview"))
    assert f"{turn} waiting Telegram" in text
    assert "duck" not in text
    assert "Zoltan" not in text


async def test_the_live_page_brings_each_part_and_then_what_changes(
    home: House, admin: AdminHouse
) -> None:
    events: list[tuple[str, str]] = []

    async def listen() -> None:
        async with admin.clients["viewer"].stream("GET", "/admin/overview/live") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            name = ""
            async for line in answer.aiter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    events.append((name, line.removeprefix("data: ")))

    listening = asyncio.create_task(listen())
    try:
        await until(lambda: {name for name, _ in events} == set(PARTS))
        events.clear()
        await home.say("Hello")
        await until(lambda: any(name == "turn_list" and "waiting" in line for name, line in events))
        assert "engines" not in {name for name, _ in events}, "only what changed is sent"
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_programs_get_the_same_as_json(home: House, admin: AdminHouse) -> None:
    engine = ScriptedEngine(ScriptedSettings(tokens_per_second=2000, answer_tokens=20))
    async with working(home.worker(engine, "worker-1")):
        turn = (await home.say("Hello")).turn_id
        await home.answer(turn)
        await until(lambda: ready(home))
        head = {"authorization": f"Bearer {admin.keys['admin.view']}"}
        async with httpx.AsyncClient(base_url=admin.address) as program:
            found = (await program.get("/v1/admin/overview", headers=head)).json()
    assert found["redis"] is True
    assert found["concerns"] == []
    assert found["totals"]["month"]["messages"] == 1
    assert found["totals"]["month"]["output_tokens"] == 20
    (worker,) = found["workers"]
    assert (worker["worker"], worker["state"], worker["model"]) == ("worker-1", "ready", "scripted")
    assert worker["figures"]["kv_cache_usage"] == 0
    assert {one["channel"] for one in found["channels"]} == {"telegram", "web", "api"}
    assert found["turns"]["running_turns"] == []


async def test_it_stays_small_with_many_accounts_turns_and_workers(
    home: House, admin: AdminHouse
) -> None:
    for number in range(40):
        await home.service.accounts.register("slack", f"T{number}")
    await home.rows(
        "WITH made AS (INSERT INTO conversations (account_id, chat_id, kind)"
        " SELECT accounts.id, 'busy-' || n, 'private' FROM accounts, generate_series(1, 200) AS n"
        " WHERE channel = 'telegram' RETURNING id)"
        " INSERT INTO turns (conversation_id, state, worker, started_at)"
        " SELECT id, CASE WHEN id %% 2 = 0 THEN 'running' ELSE 'queued' END, 'worker-1', now()"
        " FROM made",
        {},
    )
    page = await admin.get("viewer", "/admin/overview")
    assert "… and 100 more" in seen(page)
    assert len(page.content) < 100_000


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_concern_has_its_words(language: str) -> None:
    named = set(re.findall(r'Concern\(\s*"([a-z_.]+)"', inspect.getsource(concerns)))
    keys = named | {f"engine.{state}" for state in BROKEN}
    assert len(keys) > 15
    values = {"channel": "Slack", "account": "T1", "worker": "w", "percent": 90, "wait": "2 min"}
    for key in keys:
        for n in (1, 2):
            assert Words(language)(f"overview.concern.{key}.said", n=n, **values)
        assert Words(language)(f"overview.concern.{key}.do")
        assert f"overview.concern.{key}.do" in catalogue(language)


def test_a_line_runs_from_left_to_right_with_the_largest_at_the_top() -> None:
    assert spark((0.0, 10.0, 5.0), 100, 22) == "0.0,21.0 50.0,1.0 100.0,11.0"
    assert spark((0.0, 0.0)) == ""
    assert spark(()) == ""
