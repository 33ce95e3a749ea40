"""The pages and endpoints of personas: what each role sees, changes, and is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import httpx
import pytest
import pytest_asyncio

from assistant.answering.personas import BUILT_IN
from tests.support.admin_house import AdminHouse, admin_house, seen
from tests.support.house import CHAT, house, until, working
from tests.support.orders import asked, press, quick, told

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202e👩‍👩‍👧"


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    async with house(database_url, redis_url) as lived, admin_house(lived) as made:
        yield made


async def change(
    admin: AdminHouse, prompt: str, looked_at: int = 1, **values: str
) -> httpx.Response:
    form = {"prompt": prompt, "looked_at": str(looked_at), **values}
    return await admin.post("admin", "/admin/personas/teacher", form)


async def program(
    admin: AdminHouse, method: str, path: str, body: object = None, scope: str = "admin.manage"
) -> httpx.Response:
    key = admin.keys[scope]  # type: ignore[index]
    async with httpx.AsyncClient(base_url=admin.address) as client:
        headers = {"authorization": f"Bearer {key}"}
        return await client.request(method, f"/v1/admin{path}", json=body, headers=headers)


async def test_all_are_listed_with_what_people_think_of_them(admin: AdminHouse) -> None:
    home = admin.house
    await told(home, "persona", "teacher")
    async with working(home.worker(quick())):
        for number, thumb in enumerate(("up", "up", "down")):
            turn, _ = await asked(home, f"What is a heron? {number}")
            await home.service.press(press(thumb, turn))  # type: ignore[arg-type]
    page = await admin.get("viewer", "/admin/personas")
    assert page.status_code == 200
    for name in ("default", *BUILT_IN):
        assert f"/admin/personas/{name}" in page.text
    assert "Like a patient teacher 1 67% 2 / 1 1" in seen(page)
    one = await admin.get("viewer", "/admin/personas/teacher")
    assert BUILT_IN["teacher"] in seen(one)
    assert "telegram" in seen(one) and CHAT.chat_id in seen(one)


async def test_a_viewer_and_an_operator_change_nothing_and_see_no_forms(admin: AdminHouse) -> None:
    for role in ("viewer", "operator"):
        page = await admin.get(role, "/admin/personas/teacher")
        assert "Save as a new version" not in page.text
        refused = await admin.post(
            role,
            "/admin/personas/teacher",
            {"prompt": "x", "looked_at": "1"},
        )
        assert refused.status_code == 403
    assert await admin.audited() == []


async def test_a_change_is_a_version_and_can_be_compared_and_taken_back(admin: AdminHouse) -> None:
    changed = await change(admin, "Explain step by step, strictly.", note="clearer")
    assert changed.headers["location"] == "/admin/personas/teacher?done=changed"
    page = await admin.get("admin", "/admin/personas/teacher")
    assert "version 2 holds" in seen(page) and "clearer" in seen(page)
    compared = await admin.get("viewer", "/admin/personas/teacher/compare?before=1&after=2")
    assert "<ins>" in compared.text and "<del>" in compared.text
    form = {"number": "1", "looked_at": "2"}
    back = await admin.post("admin", "/admin/personas/teacher/back", form)
    assert back.status_code == 303
    assert "version 1 holds" in seen(await admin.get("viewer", "/admin/personas/teacher"))
    assert await admin.audited() == [
        ("persona.changed", "persona:teacher"),
        ("persona.rolled_back", "persona:teacher"),
    ]


async def test_who_comes_second_keeps_what_they_wrote_and_is_told(admin: AdminHouse) -> None:
    await change(admin, "The first.")
    second = await change(admin, "The second, long thought about.")
    assert second.status_code == 409
    assert "Version 2 of this persona was made meanwhile" in seen(second)
    assert "The second, long thought about." in second.text
    back = await admin.post(
        "admin", "/admin/personas/teacher/back", {"number": "1", "looked_at": "1"}
    )
    assert back.status_code == 409


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"name": "Two Words", "title": "x"}, "small letters"),
        ({"name": "poet", "title": ""}, "Give it a title"),
        ({"name": "teacher", "title": "x"}, "already"),
        ({"name": "poet", "title": "x", "prompt": "y" * 8_001}, "The prompt has 8,001"),
    ],
)
async def test_a_new_one_that_can_t_be_made_is_refused_and_shown_again(
    admin: AdminHouse, form: Mapping[str, str], said: str
) -> None:
    answer = await admin.post("admin", "/admin/personas", form)
    assert answer.status_code == 400
    assert said.replace("8,001", "8001") in seen(answer).replace("8,001", "8001")
    assert f'value="{form["name"]}"' in answer.text
    assert await admin.house.rows("SELECT * FROM personas") == []


async def test_a_new_one_answers_in_an_account_and_in_a_chat(admin: AdminHouse) -> None:
    home = admin.house
    made = {"name": "poet", "title": "A poet", "prompt": "Rhyme."}
    answer = await admin.post("admin", "/admin/personas", made)
    assert answer.headers["location"] == "/admin/personas/poet"
    [[account]] = await home.rows("SELECT id FROM accounts WHERE channel = 'telegram'")
    await admin.post(
        "admin", "/admin/persona-accounts", {"account": str(account), "persona": "poet"}
    )
    assert "A poet" in await told(home, "persona")
    await home.say("Hello")
    chat = {"account": str(account), "chat": CHAT.chat_id, "persona": "brief"}
    assert (await admin.post("admin", "/admin/persona-chats", chat)).status_code == 303
    assert "Short" in (await told(home, "persona")).splitlines()[0]
    unheard = await admin.post("admin", "/admin/persona-chats", {**chat, "chat": "unheard-of"})
    assert unheard.status_code == 400
    assert "Nobody has written to us in this chat yet." in seen(unheard)


async def test_a_retired_one_is_offered_no_more(admin: AdminHouse) -> None:
    await admin.post("admin", "/admin/personas/brief/retire", {"retired": "true"})
    assert "/persona brief" not in await told(admin.house, "persona")
    assert "retired" in seen(await admin.get("viewer", "/admin/personas"))
    await admin.post("admin", "/admin/personas/brief/retire", {"retired": "false"})
    assert "/persona brief" in await told(admin.house, "persona")
    refused = await admin.post("admin", "/admin/personas/default/retire", {"retired": "true"})
    assert refused.status_code == 400


async def test_a_draft_is_tried_beside_what_holds_and_delivered_to_nobody(
    admin: AdminHouse,
) -> None:
    home = admin.house
    form = {"persona": "teacher", "prompt": "Be strict.", "question": "What is a heron?"}
    async with working(home.worker(quick())):
        page = await admin.post("operator", "/admin/persona-trials", form)
        assert page.text.count("sse-connect=") == 2
        address = page.text.partition('sse-connect="')[2].partition('"')[0]
        stream = await admin.get("operator", address)
    assert "event: answer" in stream.text and "event: end" in stream.text
    assert await home.rows("SELECT * FROM deliveries") == []
    prompts = await home.rows("SELECT text FROM messages WHERE role = 'system' ORDER BY id")
    assert [one[0].rpartition("\n\n")[2] for one in prompts] == ["Be strict.", BUILT_IN["teacher"]]
    assert await home.rows("SELECT * FROM personas") == [], "nothing was saved"


async def test_a_trial_streams_no_other_turn_and_asks_nothing_without_a_question(
    admin: AdminHouse,
) -> None:
    accepted = await admin.house.say("A secret of mine")
    for path in ("stream", "stop"):
        address = f"/admin/persona-trials/{accepted.turn_id}/{path}"
        answer = await (
            admin.get("admin", address) if path == "stream" else admin.post("admin", address)
        )
        assert answer.status_code == 404
    empty = await admin.post("operator", "/admin/persona-trials", {"persona": "teacher"})
    assert empty.status_code == 400 and "Write a question first." in seen(empty)
    [[state]] = await admin.house.rows(
        "SELECT state FROM turns WHERE id = %(id)s", {"id": accepted.turn_id}
    )
    assert state == "queued"


async def test_who_leaves_a_trial_ends_it(admin: AdminHouse) -> None:
    home = admin.house
    form = {"persona": "teacher", "prompt": BUILT_IN["teacher"], "question": "What is a heron?"}
    slow = quick(tokens_per_second=5, answer_tokens=500)
    async with working(home.worker(slow)):
        page = await admin.post("operator", "/admin/persona-trials", form)
        address = page.text.partition('sse-connect="')[2].partition('"')[0]
        async with admin.clients["operator"].stream("GET", address) as stream:
            async for _ in stream.aiter_text():
                break

        async def over() -> bool:
            rows = await home.rows("SELECT state FROM turns")
            return rows == [("stopped",)]

        await until(over)


async def test_whatever_is_written_stays_text(admin: AdminHouse) -> None:
    form = {"name": "evil", "title": EVIL[:100], "prompt": EVIL}
    await admin.post("admin", "/admin/personas", form)
    edit = {"title": EVIL[:100], "prompt": EVIL + "!", "prompts": EVIL, "note": EVIL}
    await admin.post("admin", "/admin/personas/evil", {**edit, "looked_at": "1"})
    for path in ("", "/evil", "/evil/compare?before=1&after=2"):
        for role in ("viewer", "admin"):
            page = await admin.get(role, f"/admin/personas{path}")
            assert page.status_code == 200
            assert "<script>alert" not in page.text and "<img src=x" not in page.text
    assert "&lt;script&gt;" in page.text


@pytest.mark.parametrize("name", ["nobody", "..", "a" * 300, "%00", "x'; DROP TABLE personas"])
async def test_one_that_is_not_there_is_not_found(admin: AdminHouse, name: str) -> None:
    for path in (f"/admin/personas/{name}", f"/admin/personas/{name}/compare?before=1&after=2"):
        assert (await admin.get("admin", path)).status_code in (303, 404)
    absent = await admin.get("viewer", "/admin/personas/teacher/compare?before=1&after=99999")
    assert absent.status_code == 404


async def test_the_pages_speak_german(admin: AdminHouse) -> None:
    german = {"accept-language": "de"}
    page = await admin.get("admin", "/admin/personas", headers=german)
    assert "Wie ein geduldiger Lehrer" in seen(page)
    answer = await admin.clients["admin"].post(
        "/admin/personas", data={"name": "teacher", "title": "x"}, headers=german
    )
    assert "gibt es schon" in seen(answer)


async def test_programs_change_and_roll_back_too(admin: AdminHouse) -> None:
    listed = (await program(admin, "GET", "/personas", scope="admin.view")).json()["data"]
    assert [one["name"] for one in listed] == ["default", *BUILT_IN]
    draft = {"prompt": "Be strict.", "looked_at": 1}
    changed = await program(admin, "POST", "/personas/teacher/versions", draft)
    assert (changed.status_code, changed.json()["version"]) == (201, 2)
    late = await program(admin, "POST", "/personas/teacher/versions", draft)
    assert (late.status_code, late.json()["error"]["code"]) == (409, "persona_changed")
    body = {"number": 1, "looked_at": 2}
    back = await program(admin, "POST", "/personas/teacher/rollback", body)
    assert back.json()["version"] == 1
    one = (await program(admin, "GET", "/personas/teacher", scope="admin.view")).json()
    assert [version["number"] for version in one["versions"]] == [2, 1]
    made = {"name": "poet", "title": "A poet", "prompt": "Rhyme."}
    assert (await program(admin, "POST", "/personas", made)).status_code == 201
    assert (await program(admin, "POST", "/personas/poet/retire")).json()["retired"] is True
    assert (await program(admin, "POST", "/personas/poet/restore")).json()["retired"] is False
    [[account]] = await admin.house.rows("SELECT id FROM accounts WHERE channel = 'telegram'")
    await admin.house.say("Hello")
    for path, persona in (
        (f"/accounts/{account}/persona", {"persona": "poet"}),
        (f"/accounts/{account}/chat-persona", {"persona": "brief", "chat": CHAT.chat_id}),
    ):
        assert (await program(admin, "PUT", path, persona)).status_code == 204
    actors = await admin.house.rows("SELECT DISTINCT actor_kind, actor_name FROM audit_log")
    assert ("key", "admin.manage") in actors


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/personas/nobody", None, 404),
        ("POST", "/personas/nobody/versions", {"prompt": "x", "looked_at": 1}, 404),
        ("POST", "/personas", {"name": "A B", "title": "x"}, 400),
        ("POST", "/personas/teacher/rollback", {"number": 7, "looked_at": 1}, 400),
        ("PUT", "/accounts/999999/persona", {"persona": "brief"}, 404),
        ("PUT", "/accounts/999999/chat-persona", {"persona": "", "chat": "x"}, 404),
    ],
)
async def test_a_program_is_refused_with_a_status_and_a_sentence(
    admin: AdminHouse, method: str, path: str, body: object, status: int
) -> None:
    scope = "admin.view" if method == "GET" else "admin.manage"
    answer = await program(admin, method, path, body, scope)
    assert answer.status_code == status
    assert answer.json()["error"]["message"].endswith((".", "/persona."))


async def test_a_key_that_only_sees_changes_nothing(admin: AdminHouse) -> None:
    body = {"prompt": "x", "looked_at": 1}
    path = "/personas/teacher/versions"
    assert (await program(admin, "POST", path, body, "admin.view")).status_code == 403
    assert (await program(admin, "POST", path, body, "admin.operate")).status_code == 403
