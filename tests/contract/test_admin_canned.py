"""The pages and endpoints of canned answers and blocked topics."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import httpx
import pytest
import pytest_asyncio

from tests.support.admin_house import AdminHouse, admin_house, seen
from tests.support.house import house, working
from tests.support.orders import asked, quick

HOURS = {
    "title": "Hours",
    "phrases": "opening hours\nÖffnungszeit*",
    "answer": "We are open **9–17**.",
    "kind": "answer",
    "enabled": "true",
}


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    async with house(database_url, redis_url) as lived, admin_house(lived) as made:
        yield made


async def program(
    admin: AdminHouse, method: str, path: str, body: object = None, scope: str = "admin.manage"
) -> httpx.Response:
    key = admin.keys[scope]  # type: ignore[index]
    async with httpx.AsyncClient(base_url=admin.address) as client:
        headers = {"authorization": f"Bearer {key}"}
        address = f"/v1/admin/canned-answers{path}"
        return await client.request(method, address, json=body, headers=headers)


async def only(admin: AdminHouse) -> int:
    [[found]] = await admin.house.rows("SELECT id FROM canned_answers")
    return int(found)


async def test_with_none_it_says_what_they_are(admin: AdminHouse) -> None:
    assert "There are none yet." in seen(await admin.get("viewer", "/admin/canned"))


async def test_one_that_is_made_here_answers_people_and_its_uses_are_shown(
    admin: AdminHouse,
) -> None:
    assert (await admin.post("admin", "/admin/canned", HOURS)).status_code == 303
    async with working(admin.house.worker(quick())):
        turn, _ = await asked(admin.house, "Your ÖFFNUNGSZEITEN?")
    [[reply]] = await admin.house.rows("SELECT reply FROM turns WHERE id = %(id)s", {"id": turn})
    assert reply == HOURS["answer"]
    page = seen(await admin.get("viewer", "/admin/canned"))
    assert "Hours canned answer opening hours · Öffnungszeit* Wherever people write 1" in page


async def test_a_text_can_be_tried_without_asking_anybody(admin: AdminHouse) -> None:
    await admin.post("admin", "/admin/canned", HOURS)
    await admin.post(
        "admin", "/admin/canned", {**HOURS, "title": "Wages", "phrases": "wages", "kind": "block"}
    )
    for text, said in (
        ("your opening hours", "“Hours” would answer."),
        ("opening hours and wages", "“Wages” would answer."),
        ("a heron", "The model would answer."),
    ):
        page = await admin.get("viewer", "/admin/canned", params={"text": text})
        assert said in seen(page)


async def test_it_is_changed_switched_off_and_removed(admin: AdminHouse) -> None:
    await admin.post("admin", "/admin/canned", HOURS)
    address = f"/admin/canned/{await only(admin)}"
    off = {name: value for name, value in HOURS.items() if name != "enabled"}
    assert (await admin.post("admin", address, off)).status_code == 303
    assert "off" in seen(await admin.get("viewer", "/admin/canned"))
    assert 'id="enabled" name="enabled" value="true" >' in (await admin.get("admin", address)).text
    assert (await admin.post("admin", f"{address}/remove")).status_code == 303
    assert (await admin.get("admin", address)).status_code == 404
    assert (await admin.post("admin", address, HOURS)).status_code == 404
    assert [action for action, _ in await admin.audited()] == [
        "canned.added",
        "canned.changed",
        "canned.removed",
    ]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"title": ""}, "Give it a name"),
        ({"phrases": "\n \n"}, "phrases, each on a line of its own"),
        ({"phrases": "?!"}, "is no phrase"),
        ({"answer": ""}, "Write the answer"),
        ({"account": "999999"}, "This account isn't there any more"),
    ],
)
async def test_what_makes_no_sense_is_said_and_what_was_written_is_kept(
    admin: AdminHouse, values: Mapping[str, str], said: str
) -> None:
    answer = await admin.post("admin", "/admin/canned", {**HOURS, **values})
    assert answer.status_code in (400, 404)
    assert said in seen(answer)
    kept = "opening hours" if "phrases" not in values else "We are open **9–17**."
    assert kept in answer.text


async def test_only_an_admin_changes_them(admin: AdminHouse) -> None:
    await admin.post("admin", "/admin/canned", HOURS)
    number = await only(admin)
    for role in ("viewer", "operator"):
        page = await admin.get(role, f"/admin/canned/{number}")
        assert "<textarea" not in page.text and "We are open" in page.text
        assert (await admin.get(role, "/admin/canned/new")).status_code == 403
        for path in ("", f"/{number}", f"/{number}/remove"):
            refused = await admin.post(role, f"/admin/canned{path}", HOURS)
            assert refused.status_code == 403


async def test_whatever_is_written_stays_text(admin: AdminHouse) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202e👩‍👩‍👧"
    await admin.post(
        "admin", "/admin/canned", {**HOURS, "title": evil, "phrases": evil, "answer": evil}
    )
    for path in ("", f"/{await only(admin)}", f"?text={evil}"):
        for role in ("viewer", "admin"):
            page = await admin.get(role, f"/admin/canned{path}")
            assert page.status_code == 200
            assert "<script>alert" not in page.text and "<img src=x" not in page.text


async def test_programs_do_the_same(admin: AdminHouse) -> None:
    body = {"title": "Hours", "phrases": ["opening hours"], "answer": "Nine."}
    made = await program(admin, "POST", "", body)
    assert made.status_code == 201
    address = f"/{made.json()['id']}"
    changed = await program(admin, "PUT", address, {**body, "answer": "Ten."})
    assert changed.json()["answer"] == "Ten."
    [listed] = (await program(admin, "GET", "", scope="admin.view")).json()["data"]
    assert (listed["title"], listed["used"], listed["account_id"]) == ("Hours", 0, None)
    refused = await program(admin, "POST", "", {**body, "answer": ""})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "canned_answer")
    assert (await program(admin, "DELETE", address, scope="admin.view")).status_code == 403
    assert (await program(admin, "DELETE", address)).status_code == 204
    assert (await program(admin, "GET", address, scope="admin.view")).status_code == 404
