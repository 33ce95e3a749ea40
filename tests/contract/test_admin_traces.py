"""The traces' pages and endpoints over HTTP: what each role sees, and what nobody does."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
import pytest_asyncio

from assistant.answering.experiments import Experiment
from assistant.insight.trace import TraceReader
from assistant.messages import ChatRef, Edited
from bots.admin.traces import pages
from inference.api import ChatMessage
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.admin_house import AdminHouse, admin_house, seen
from tests.support.house import CHAT, FAST, House, house, until, working
from tests.support.orders import GROUP, quick, told

EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(2)> \u202eevil 🏴‍☠️ ' + "x" * 300
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


async def answered(
    home: House, text: str = "Tell me about herons", chat: ChatRef = CHAT, **values: str
) -> int:
    """A turn whose trace is written."""
    async with working(home.worker(quick())):
        turn = (await home.say(text, chat, **values)).turn_id
        await home.answer(turn)
        await until(lambda: _recorded(home, turn))
    return turn


async def _recorded(home: House, turn: int) -> bool:
    found = await TraceReader(home.database).of(turn)
    assert found is not None
    shown = found.delivery is not None and found.delivery.finished_at is not None
    return shown and bool(found.attempts) and found.attempts[-1].ended_at is not None


async def test_a_viewer_sees_each_step_and_the_prompts_parts_and_no_text(
    home: House, admin: AdminHouse
) -> None:
    turn = await answered(home)
    page = await admin.get("viewer", f"/admin/traces/{turn}")
    assert page.status_code == 200
    said = seen(page)
    for step in ("Event received", "In the queue", "Context built", "Prefill", "Decode", "Final"):
        assert step in said
    assert "Most of the time" in said and "Instructions" in said and "What was asked" in said
    assert "herons" not in page.text and "Show the prompt" not in said
    assert len(page.content) < 100_000
    assert (await admin.get("viewer", f"/admin/traces/{turn}/prompt")).status_code == 403
    assert await admin.audited() == []


async def test_the_prompt_is_shown_as_the_model_was_given_it_and_that_is_noted(
    home: House, admin: AdminHouse
) -> None:
    await told(home, "persona", "brief")
    await told(home, "memory", "I live by a lake")
    await answered(home)
    turn = await answered(home, "And about storks?")
    page = await admin.get("operator", f"/admin/traces/{turn}/prompt")
    said = seen(page)
    assert "This is exactly what the model was given" in said
    for text in ("one to three sentences", "I live by a lake", "Tell me about herons", "storks?"):
        assert text in said
    [conversation] = await home.rows("SELECT conversation_id FROM turns LIMIT 1")
    assert await admin.audited() == [("conversation.read", f"conversation:{conversation[0]}")]


async def test_what_was_edited_or_deleted_since_is_shown_to_nobody(
    home: House, admin: AdminHouse
) -> None:
    await answered(home, "Tell me about herons", message_id="801")
    turn = await answered(home, "And about storks?", message_id="802")
    await home.service.edit(Edited(CHAT, "edit-1", "802", "7", "And about cranes?"))
    await home.service.erase(CHAT, "801")
    said = seen(await admin.get("operator", f"/admin/traces/{turn}/prompt"))
    assert "was edited, deleted or erased since" in said
    assert said.count("Changed or erased since") == 2
    assert "herons" not in said and "cranes" not in said and "storks" not in said


async def test_where_texts_are_closed_only_times_and_counts_are_left(home: House) -> None:
    async def closed(turn_id: int) -> bool:
        return False

    turn = await answered(home)
    async with admin_house(
        home, lambda given: replace(given, traces=replace(given.traces, may_read=closed))
    ) as admin:
        page = await admin.get("admin", f"/admin/traces/{turn}")
        assert page.status_code == 200 and "Show the prompt" not in seen(page)
        for path in ("prompt", "again"):
            refused = await admin.get("admin", f"/admin/traces/{turn}/{path}")
            assert refused.status_code == 403 and "closed to admins" in seen(refused)
        assert (await admin.post("admin", f"/admin/traces/{turn}/again")).status_code == 403
        program = await asked(admin, "GET", f"/turns/{turn}/prompt")
        assert program.status_code == 403
        assert program.json()["error"]["code"] == "content_closed"
        assert await admin.audited() == []


async def test_with_consent_as_the_rule_each_persons_private_chat_is_theirs_to_open(
    home: House, admin: AdminHouse
) -> None:
    private = await answered(home)
    group = await answered(home, "And storks?", chat=GROUP)
    home.settings.content_access = "consent"

    async def statuses() -> list[int]:
        paths = [f"/admin/traces/{turn}/prompt" for turn in (private, group)]
        return [(await admin.get("admin", path)).status_code for path in paths]

    assert await statuses() == [403, 403]
    await home.rows("UPDATE persons SET consented_at = now()")
    assert await statuses() == [200, 403]


async def test_the_prompt_is_asked_of_another_persona_and_both_answers_stand_side_by_side(
    home: House, admin: AdminHouse
) -> None:
    turn = await answered(home)
    again = f"/admin/traces/{turn}/again"
    async with working(home.worker(quick())):
        await until(lambda: home.experiments.profiles())
        form = await admin.get("operator", again)
        assert "teacher" in form.text and "scripted" in form.text
        asked_so = {"persona": "teacher", "profile": "scripted"}
        made = await admin.post("operator", again, asked_so)
        assert made.status_code == 303
        page = made.headers["location"]
        async with admin.clients["operator"].stream("GET", f"{page}/live") as stream:
            streamed = (await stream.aread()).decode()
        assert "event: answer" in streamed and "event: over" in streamed and "herons" in streamed
        experiment = int(page.rpartition("/")[2])
        said = seen(await admin.get("operator", page))
    assert "The answer that was given" in said and "The answer now" in said
    assert said.count("herons") == 2
    [stored] = await home.rows(
        "SELECT text FROM messages JOIN turn_messages ON message_id = messages.id"
        " WHERE turn_id = %(turn)s AND role = 'system'",
        {"turn": experiment},
    )
    assert "Explain step by step" in stored.text
    actions = [action for action, _ in await admin.audited()]
    read = ["conversation.read"] * 2  # the form, and what it was asked of
    assert actions == [*read, "turn.replayed", "conversation.read"], "whoever looks at it is noted"
    trial = await admin.get("operator", f"/admin/persona-trials/{experiment}/stream")
    assert trial.status_code == 404, "a person's words are no trial of a draft"
    assert [one.id for one in await _replays(home, turn)] == [experiment]


async def _replays(home: House, turn: int):  # type: ignore[no-untyped-def]
    found = await TraceReader(home.database).of(turn)
    assert found is not None
    return found.replays


async def test_an_unknown_persona_is_refused_in_a_sentence_and_asked_of_nobody(
    home: House, admin: AdminHouse
) -> None:
    turn = await answered(home)
    page = await admin.post("operator", f"/admin/traces/{turn}/again", {"persona": EVIL[:60]})
    assert page.status_code == 400 and "There is no such persona" in seen(page)
    assert "<script>alert" not in page.text
    assert await home.rows("SELECT FROM experiments") == []


async def test_a_replay_is_stopped_and_keeps_what_was_said(home: House, admin: AdminHouse) -> None:
    turn = await answered(home)
    slow = ScriptedEngine(ScriptedSettings(tokens_per_second=20.0, answer_tokens=500))
    async with working(home.worker(slow)):
        page = (await admin.post("operator", f"/admin/traces/{turn}/again")).headers["location"]
        experiment = int(page.rpartition("/")[2])
        await until(lambda: _begun(home, experiment))
        assert (await admin.post("operator", f"{page}/stop")).status_code == 303
        await until(lambda: _final(home, experiment))
    assert (await home.experiments.read(experiment)).state == "stopped"


async def _begun(home: House, turn: int) -> bool:
    return bool((await home.experiments.read(turn)).text)


async def _final(home: House, turn: int) -> bool:
    return (await home.experiments.read(turn)).final


async def test_one_turns_replay_is_not_found_under_another_turn(
    home: House, admin: AdminHouse
) -> None:
    turn = await answered(home)
    other = await answered(home, "And storks?")
    messages = (ChatMessage("user", "secret"),)
    experiment = await home.experiments.ask(Experiment(messages, repeats=turn), "root")
    for one in (f"{other}/again/{experiment}", f"{turn}/again/{other}", f"{turn}/again/{turn}"):
        for way in ("", "/live"):
            assert (await admin.get("admin", f"/admin/traces/{one}{way}")).status_code == 404
        assert (await admin.post("admin", f"/admin/traces/{one}/stop")).status_code == 404
    assert (await home.experiments.read(experiment)).state == "queued"


async def test_nothing_that_people_or_models_wrote_becomes_markup(
    home: House, admin: AdminHouse
) -> None:
    await told(home, "memory", EVIL)
    turn = await answered(home, EVIL, sender_name=EVIL)
    await home.rows("UPDATE attempts SET worker = %(evil)s, error = %(evil)s", {"evil": EVIL})
    await home.rows("UPDATE traces SET profile = %(evil)s", {"evil": EVIL})
    messages = (ChatMessage("user", EVIL),)
    experiment = await home.experiments.ask(
        Experiment(messages, persona=EVIL, profile=EVIL, repeats=turn), EVIL
    )
    base = f"/admin/traces/{turn}"
    for path in (base, f"{base}/prompt", f"{base}/again", f"{base}/again/{experiment}"):
        page = await admin.get("admin", path)
        assert page.status_code == 200, path
        assert "<script>alert" not in page.text and "<img src=x" not in page.text, path
    listed = await admin.get("viewer", f"/admin/traces?turn={EVIL[:20]}")
    assert "<script>alert" not in listed.text and "digits alone" in seen(listed)


async def test_what_was_lost_is_said_to_be_not_recorded(home: House, admin: AdminHouse) -> None:
    turn = await answered(home)
    for table in ("traces", "arrivals"):
        await home.rows(f"DELETE FROM {table}")
    said = seen(await admin.get("viewer", f"/admin/traces/{turn}"))
    assert "Some steps are not recorded." in said and said.count("not recorded") >= 5
    assert "The prompt's parts are not recorded." in said
    said = seen(await admin.get("operator", f"/admin/traces/{turn}/prompt"))
    assert "The prompt's parts are not recorded." in said
    assert (await admin.post("operator", f"/admin/traces/{turn}/again")).status_code == 409


async def test_answers_are_listed_newest_or_slowest_first_and_found_by_their_number(
    home: House, admin: AdminHouse
) -> None:
    assert "Nothing was asked yet." in seen(await admin.get("viewer", "/admin/traces"))
    slow = await answered(home)
    await home.rows("UPDATE turns SET created_at = created_at - interval '1 hour'")
    quick_one = await answered(home, "And storks?")
    await home.experiments.ask(Experiment((ChatMessage("user", "x"),)), "root")
    for order, expected in (("newest", [quick_one, slow]), ("slowest", [slow, quick_one])):
        found = await asked(admin, "GET", f"/turns?order={order}", "admin.view")
        assert [one["id"] for one in found.json()["data"]] == expected
        page = (await admin.get("viewer", f"/admin/traces?order={order}")).text
        places = [page.index(f"/admin/traces/{one}") for one in expected]
        assert places == sorted(places)
    found = await admin.get("viewer", f"/admin/traces?turn=%23{slow}")
    assert found.headers["location"] == f"/admin/traces/{slow}"


async def test_behind_many_experiments_older_answers_are_still_found(
    home: House, admin: AdminHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE", 2)
    first, second, third = [await answered(home, text) for text in ("one", "two", "three")]
    for _ in range(6):
        await home.experiments.ask(Experiment((ChatMessage("user", "x"),)), "root")
    page = await admin.get("viewer", "/admin/traces")
    assert re.findall(r'href="/admin/traces/(\d+)"', page.text) == [str(third), str(second)]
    assert f"before={second}" in page.text
    older = await admin.get("viewer", f"/admin/traces?before={second}")
    assert re.findall(r'href="/admin/traces/(\d+)"', older.text) == [str(first)]


async def test_an_answer_that_was_tried_again_stands_once_in_its_conversations_list(
    home: House, admin: AdminHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE", 1)
    first, second = [await answered(home, text) for text in ("one", "two")]
    async with working(home.worker(quick())):
        again = await home.service.retry(first)
        assert again is not None
        await home.answer(again)
    ((conversation,),) = await home.rows("SELECT DISTINCT conversation_id FROM turns")
    seen_ids, before = [], ""
    for _ in range(4):
        page = await admin.get("viewer", f"/admin/traces?conversation={conversation}{before}")
        seen_ids += re.findall(r'href="/admin/traces/(\d+)"', page.text)
        following = re.search(r"before=(\d+)", page.text)
        if following is None:
            break
        before = f"&before={following[1]}"
    assert sorted(map(int, seen_ids)) == sorted({first, second, again})


async def asked(
    admin: AdminHouse, method: str, path: str, scope: str = "admin.operate", body: object = None
) -> httpx.Response:
    head = {"authorization": f"Bearer {admin.keys[scope]}"}  # type: ignore[index]
    async with httpx.AsyncClient(base_url=admin.address, timeout=20) as program:
        return await program.request(method, f"/v1/admin{path}", headers=head, json=body)


async def test_programs_read_traces_and_ask_again(home: House, admin: AdminHouse) -> None:
    turn = await answered(home)
    trace = (await asked(admin, "GET", f"/turns/{turn}/trace", "admin.view")).json()
    assert trace["id"] == turn and trace["state"] == "done" and trace["longest"]
    names = [one["name"] for one in trace["steps"]]
    assert names[:5] == ["received", "committed", "dispatched", "acknowledged", "queue"]
    assert [one["kind"] for one in trace["prompt"]["parts"]] == ["instructions", "own"]
    prompt = (await asked(admin, "GET", f"/turns/{turn}/prompt")).json()
    assert prompt["exact"] and "herons" in json.dumps(prompt["parts"])
    async with working(home.worker(quick())):
        body = {"persona": "brief"}
        made = await asked(admin, "POST", f"/turns/{turn}/replays", body=body)
        experiment = made.json()["id"]
        await until(lambda: _final(home, experiment))
    answer = (await asked(admin, "GET", f"/turns/{turn}/replays/{experiment}")).json()
    assert answer["state"] == "done" and "herons" in answer["text"]
    assert answer["persona"] == "brief"
    refused = await asked(admin, "POST", f"/turns/{turn}/replays", body={"persona": "nobody"})
    assert refused.status_code == 400 and "no such persona" in refused.json()["error"]["message"]
    missing = await asked(admin, "GET", "/turns/987654321/trace", "admin.view")
    assert missing.json()["error"]["code"] == "not_found"


async def test_a_running_answer_is_followed(home: House, admin: AdminHouse) -> None:
    slow = ScriptedEngine(ScriptedSettings(tokens_per_second=20.0, answer_tokens=500))
    async with working(home.worker(slow)):
        turn = (await home.say("Tell me about herons")).turn_id
        await until(lambda: home.rows("SELECT FROM traces WHERE first_token_at IS NOT NULL"))
        page = await admin.get("viewer", f"/admin/traces/{turn}")
        assert "this page follows" in seen(page) and f"/admin/traces/{turn}/live" in page.text
        async with admin.clients["viewer"].stream("GET", f"/admin/traces/{turn}/live") as stream:
            lines = stream.aiter_lines()
            assert await anext(lines) == "event: steps"
        await home.service.stop(turn)


async def test_a_message_of_the_page_is_told_received_when_it_is_stored(
    home: House, admin: AdminHouse
) -> None:
    async with httpx.AsyncClient(base_url=admin.address) as page:
        await page.get("/")
        sent = await page.post(
            "/chat/messages",
            json={"text": "Hello", "client_id": "one-of-the-page"},
            headers={"origin": admin.address},
        )
    turn = sent.json()["turn_id"]
    await until(lambda: home.rows("SELECT FROM arrivals WHERE acknowledged_at IS NOT NULL"))
    steps = (await asked(admin, "GET", f"/turns/{turn}/trace", "admin.view")).json()["steps"]
    moments = {one["name"]: one["ends_at"] for one in steps}
    names = ("received", "committed", "dispatched", "acknowledged")
    assert [moments[one] for one in names] == sorted(moments[one] for one in names)
