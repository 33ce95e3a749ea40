"""The pages of operations, and their endpoints for programs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from assistant.answering.experiments import Experiment
from assistant.processes import Processes, ProcessPresence, WayInState
from inference.api import ChatMessage
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.admin_house import AdminHouse, admin_house, seen
from tests.support.admins import ROOT, stand
from tests.support.house import CHAT, FAST, House, house, until, working
from tests.support.orders import told

PAGES = ("", "/queue", "/deliveries", "/processes", "/maintenance", "/broadcasts")
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)> \u202eevil 🎉'
GATEWAY = ProcessPresence(
    "host:1:abc",
    "gateway",
    "1.0",
    "2026-01-01T00:00:00+00:00",
    "info",
    (WayInState("slack:default", "off", HOSTILE, "2026-01-01T00:00:00+00:00"),),
)


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    settings = FAST.model_copy(update={"attempts": 1})
    async with (
        house(database_url, redis_url, settings=settings) as lived,
        admin_house(lived) as made,
    ):
        yield made


async def fail(home: House, **values: str) -> int:
    engine = ScriptedEngine(ScriptedSettings(tokens_per_second=500.0, fail_after_tokens=1))
    async with working(home.worker(engine)):
        turn = (await home.say("Tell me about herons", **values)).turn_id
        assert (await home.answer(turn))[1].state == "failed"
        await until(lambda: stand(home, CHAT.chat_id))
    return turn


async def test_where_there_is_nothing_each_page_says_what_would_stand_there(
    admin: AdminHouse,
) -> None:
    for path in PAGES:
        page = await admin.get("viewer", f"/admin/operations{path}")
        assert page.status_code == 200, path
        assert len(page.content) < 100_000
    assert "Nothing has failed." in seen(await admin.get("viewer", "/admin/operations"))
    assert "Niemand wartet." in seen(
        await admin.get("viewer", "/admin/operations/queue", headers={"accept-language": "de"})
    )


async def test_an_operator_retries_a_turn_and_a_viewer_finds_no_button(admin: AdminHouse) -> None:
    turn = await fail(admin.house)
    page = await admin.get("viewer", "/admin/operations")
    assert "engine_unavailable" in seen(page)
    assert "/admin/operations/retry" not in page.text
    page = await admin.get("operator", "/admin/operations?code=engine_unavailable")
    assert page.text.count('action="/admin/operations/retry"') == 1
    answer = await admin.post("operator", "/admin/operations/retry", {"turn": str(turn)})
    assert answer.status_code == 303
    assert "answered again" in seen(await admin.get("operator", answer.headers["location"]))
    assert (await admin.audited())[-1] == ("turn.retried", f"turn:{turn}")
    again = await admin.post("operator", "/admin/operations/retry", {"turn": str(turn)})
    assert (again.status_code, "answered again already" in again.text) == (409, True)


async def test_a_failed_experiment_is_nobodys_failure(admin: AdminHouse) -> None:
    home = admin.house
    engine = ScriptedEngine(ScriptedSettings(tokens_per_second=500.0, fail_after_tokens=1))
    async with working(home.worker(engine)):
        trial = await home.experiments.ask(Experiment((ChatMessage("user", "x"),)), "root")

        async def failed() -> bool:
            return (await home.experiments.read(trial)).state == "failed"

        await until(failed)
    page = seen(await admin.get("operator", "/admin/operations"))
    assert "Nothing has failed." in page and "engine_unavailable" not in page
    await admin.post("operator", "/admin/operations/retry-all", {"code": ""})
    assert (await home.experiments.read(trial)).state == "failed"


async def test_all_are_retried_and_the_page_says_how_many(admin: AdminHouse) -> None:
    await fail(admin.house)
    answer = await admin.post("operator", "/admin/operations/retry-all", {"code": ""})
    page = await admin.get("operator", answer.headers["location"])
    assert "1 turn is answered again." in seen(page)
    assert "Nothing has failed." in seen(page)


async def test_what_people_and_platforms_wrote_is_never_markup(admin: AdminHouse) -> None:
    home = admin.house
    await fail(home, sender_name=HOSTILE)
    await home.rows("UPDATE turns SET error = %(text)s", {"text": HOSTILE * 50})
    await home.rows("UPDATE deliveries SET state = 'failed', error = %(e)s", {"e": HOSTILE})
    await told(home, "news", "on")
    broadcast = await admin.post(
        "operator", "/admin/operations/broadcasts", {"text": HOSTILE, "channel": ""}
    )
    await admin.post("operator", "/admin/operations/maintenance", {"message": HOSTILE})
    await Processes(home.redis).say(GATEWAY)
    for path in (*PAGES, broadcast.headers["location"].removeprefix("/admin/operations")):
        page = await admin.get("operator", f"/admin/operations{path}")
        assert page.status_code == 200, path
        assert "<script>alert" not in page.text
        assert "<img" not in page.text.replace('<img src="/static/mark.svg"', "")


async def test_what_is_no_id_and_no_code_of_ours_is_refused_and_changes_nothing(
    admin: AdminHouse,
) -> None:
    for path, form in (
        ("/retry", {"turn": "1 OR 1=1"}),
        ("/retry", {"turn": str(2**70)}),
        ("/retry-all", {"code": "x' OR '1'='1"}),
        ("/queue/stop", {"turn": "-1"}),
        ("/deliveries/again", {}),
        ("/processes/engine", {"process": "host:1", "seconds": "1e9"}),
        ("/log-level", {"level": "shout"}),
    ):
        answer = await admin.post("operator", f"/admin/operations{path}", form)
        assert answer.status_code == 400, path
    for query in ("?code=%27", "?before=0", f"?before={2**80}", "?done=x", "?until=yesterday"):
        page = await admin.get("viewer", f"/admin/operations{query}")
        assert page.status_code == 404, query
    assert await admin.audited() == []


async def test_the_queue_is_live_and_a_turn_in_it_is_stopped(admin: AdminHouse) -> None:
    home = admin.house
    waiting = (await home.say("Tell me about herons")).turn_id
    page = await admin.get("operator", "/admin/operations/queue")
    assert "Ana" in seen(page)
    async with admin.clients["viewer"].stream("GET", "/admin/operations/queue/live") as live:
        lines = live.aiter_lines()
        assert await anext(lines) == "event: queue"
        await admin.post("operator", "/admin/operations/queue/stop", {"turn": str(waiting)})
        async with asyncio.timeout(15):
            while "Nobody is waiting." not in await anext(lines):
                pass
    assert (await home.answer(waiting))[1].state == "stopped"


async def test_maintenance_begins_with_words_and_ends(admin: AdminHouse) -> None:
    home = admin.house
    words = "until 18:00."
    form = {"on": "true", "message": words}
    answer = await admin.post("operator", "/admin/operations/maintenance", form)
    assert "Maintenance is on." in seen(await admin.get("operator", answer.headers["location"]))
    await home.live.refresh()
    assert (home.settings.maintenance, home.settings.maintenance_message) == (True, words)
    await admin.post("operator", "/admin/operations/maintenance", {"on": "false"})
    await home.live.refresh()
    assert home.settings.maintenance is False
    assert ("setting.changed", "setting:maintenance") in await admin.audited()
    long = await admin.post(
        "operator", "/admin/operations/maintenance", {"on": "true", "message": "x" * 501}
    )
    assert (long.status_code, "This is too long." in long.text) == (400, True)
    assert "x" * 501 in long.text


async def test_the_log_level_is_set_for_all_processes_and_taken_back(admin: AdminHouse) -> None:
    await admin.post("operator", "/admin/operations/log-level", {"level": "debug"})
    await admin.house.live.refresh()
    assert admin.house.settings.log_level == "debug"
    page = await admin.get("viewer", "/admin/operations/maintenance")
    assert page.status_code == 200
    await admin.post("operator", "/admin/operations/log-level", {"level": ""})
    await admin.house.live.refresh()
    assert admin.house.settings.log_level is None


async def test_a_broadcast_is_written_followed_and_stopped(admin: AdminHouse) -> None:
    path = "/admin/operations/broadcasts"
    nobody = await admin.post("operator", path, {"text": "A new model", "channel": ""})
    assert (nobody.status_code, "Nobody has asked" in nobody.text) == (400, True)
    assert "A new model" in nobody.text, "what was written is not lost"
    await told(admin.house, "news", "on")
    answer = await admin.post("operator", path, {"text": "A new model", "channel": "telegram"})
    page = await admin.get("operator", answer.headers["location"])
    assert "0 / 1" in seen(page)
    stopped = await admin.post("operator", f"{answer.headers['location']}/stop")
    assert stopped.status_code == 303
    assert "Stopped before 1" in seen(await admin.get("viewer", answer.headers["location"]))
    assert [action for action, _ in await admin.audited()] == [
        "broadcast.started", "broadcast.stopped",
    ]  # fmt: skip


async def test_a_process_that_is_gone_is_not_told_and_the_log_has_nothing(
    admin: AdminHouse,
) -> None:
    for path, form in (
        ("engine", {"process": "host:9", "seconds": "5"}),
        ("way-in", {"process": "host:9", "name": "slack:default"}),
    ):
        answer = await admin.post("operator", f"/admin/operations/processes/{path}", form)
        assert (answer.status_code, "no such process any more" in answer.text) == (409, True)
    assert await admin.audited() == []


async def test_an_engine_is_told_to_restart_and_the_page_shows_it(admin: AdminHouse) -> None:
    home = admin.house
    engine = ScriptedEngine(ScriptedSettings(tokens_per_second=500.0))
    async with working(home.worker(engine, "host:1:abc")):
        await until(home.signals.workers)
        await Processes(home.redis).say(GATEWAY)
        page = await admin.get("operator", "/admin/operations/processes")
        assert "slack:default" in seen(page)
        form = {"process": "host:1:abc", "seconds": "2"}
        await admin.post("operator", "/admin/operations/processes/engine", form)
        form = {"process": "host:1:abc", "name": "slack:default"}
        await admin.post("operator", "/admin/operations/processes/way-in", form)
    page = await admin.get("viewer", "/admin/operations/processes")
    assert "Restart the engine" in seen(page)
    assert "not taken yet" in seen(page)
    assert await admin.audited() == [
        ("engine.restarted", "process:host:1:abc"),
        ("way_in.restarted", "way_in:slack:default"),
    ]


# For programs


def program(admin: AdminHouse, scope: str) -> httpx.AsyncClient:
    key = admin.keys[scope]  # type: ignore[index]
    head = {"authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=f"{admin.address}/v1/admin", headers=head, timeout=20)


async def test_programs_see_what_pages_show_and_do_what_they_do(admin: AdminHouse) -> None:
    home = admin.house
    turn = await fail(home)
    await told(home, "news", "on")
    async with program(admin, "admin.view") as sees, program(admin, "admin.operate") as does:
        page = (await sees.get("/failures")).json()
        assert [one["id"] for one in page["data"]] == [turn]
        assert page["next"] is None
        again = (await does.post(f"/turns/{turn}/retry")).json()["turn"]
        refused = await does.post(f"/turns/{turn}/retry")
        assert refused.status_code == 409
        assert f"it is turn {again} now" in refused.json()["error"]["message"]
        queue = (await sees.get("/queue")).json()
        assert [one["id"] for one in queue["waiting"]] == [again]
        assert (await does.post(f"/turns/{again}/stop")).status_code == 204
        made = (await does.post("/broadcasts", json={"text": "A new model"})).json()
        stopped = (await does.post(f"/broadcasts/{made['id']}/stop")).json()
        assert (stopped["state"], stopped["posts"]) == ("stopped", {"stopped": 1})
        assert (await sees.get("/broadcasts")).json()["wanted"] == {"telegram": 1}
        wanted = {"on": True, "message": "until 18:00"}
        assert (await does.put("/maintenance", json=wanted)).status_code == 204
        assert (await sees.get("/maintenance")).json() == wanted
        assert (await does.put("/log-level", json={"level": "debug"})).status_code == 204
        assert (await sees.get("/log-level")).json() == {"level": "debug"}
        assert (await sees.get("/deliveries")).json()["not_shown"] == []
        assert (await sees.get("/processes")).json()["workers"] == []
        assert (await sees.get("/directives")).json()["data"] == []
        told_nobody = await does.post("/processes/host:9/engine/restart", json={})
        assert told_nobody.status_code == 409


async def test_a_list_is_paged_by_what_it_says_and_a_made_up_cursor_is_refused(
    admin: AdminHouse,
) -> None:
    turn = await fail(admin.house)
    await admin.house.rows(
        "INSERT INTO turns (conversation_id, state, finished_at, error_code)"
        " SELECT conversation_id, 'failed', finished_at, 'x' FROM turns, generate_series(1, 4)"
    )
    async with program(admin, "admin.view") as sees:
        ids, after = [], ""
        while after is not None:
            page = (await sees.get("/failures", params={"limit": 2, "after": after})).json()
            ids += [one["id"] for one in page["data"]]
            after = page["next"]
        assert ids == sorted(ids, reverse=True)
        assert (len(ids), ids[-1]) == (5, turn)
        for made_up in ("x", "2026-01-01_1", "_", f"2026-01-01T00:00:00+00:00_{2**80}"):
            refused = await sees.get("/failures", params={"after": made_up})
            assert refused.status_code == 400, made_up


async def test_the_service_is_answered_503_with_a_time_while_it_is_maintained(
    admin: AdminHouse,
) -> None:
    home = admin.house
    await home.live.change("maintenance", True, ROOT)
    await home.live.refresh()
    engine = ScriptedEngine(ScriptedSettings(tokens_per_second=500.0))
    async with (
        working(home.worker(engine)),
        httpx.AsyncClient(base_url=admin.address) as asks,
    ):
        await until(home.service.engine_info)
        answer = await asks.post(
            "/v1/chat/completions",
            headers={"authorization": "Bearer sk-test-key"},
            json={"model": "scripted", "messages": [{"role": "user", "content": "Hi"}]},
        )
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "300")
    assert answer.json()["error"]["code"] == "maintenance"
