"""The pages and endpoints of settings that change while Outrider runs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from assistant.live_settings import live_fields
from tests.support.admin_house import AdminHouse, admin_house, seen
from tests.support.house import house


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    async with house(database_url, redis_url) as lived, admin_house(lived) as made:
        yield made


async def put(admin: AdminHouse, name: str, value: str) -> httpx.Response:
    return await admin.post("admin", f"/admin/settings/{name}", {"value": value})


async def program(
    admin: AdminHouse, method: str, path: str, body: object = None, scope: str = "admin.manage"
) -> httpx.Response:
    key = admin.keys[scope]  # type: ignore[index]
    async with httpx.AsyncClient(base_url=admin.address) as client:
        headers = {"authorization": f"Bearer {key}"}
        return await client.request(method, f"/v1/admin/settings{path}", json=body, headers=headers)


async def test_all_are_listed_in_words_and_each_has_its_page(admin: AdminHouse) -> None:
    page = await admin.get("viewer", "/admin/settings")
    assert "System prompt" in seen(page) and "Longest message, characters" in seen(page)
    for name in live_fields():
        assert f'href="/admin/settings/{name}"' in page.text
        assert (await admin.get("viewer", f"/admin/settings/{name}")).status_code == 200
    for name in ("lease_seconds", "personas", "nothing", "__class__"):
        assert (await admin.get("admin", f"/admin/settings/{name}")).status_code == 404


async def test_a_change_holds_stands_in_the_history_and_can_be_taken_back(
    admin: AdminHouse,
) -> None:
    assert (await put(admin, "message_characters", "500")).status_code == 303
    assert admin.house.settings.message_characters == 500
    page = await admin.get("admin", "/admin/settings/message_characters")
    assert "the-admin 32000 500" in seen(page)
    again = await put(admin, "message_characters", "32000")
    assert again.status_code == 303
    await admin.post("admin", "/admin/settings/message_characters/reset")
    assert admin.house.settings.message_characters == 32_000
    assert [action for action, _ in await admin.audited()] == [
        "setting.changed",
        "setting.changed",
        "setting.reset",
    ]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("attempts", "0", "It must be at least 1."),
        ("attempts", "1.5", "Write a whole number."),
        ("attempts", "", "Write a whole number."),
        ("turn_seconds", "0", "It must be more than 0."),
        ("turn_seconds", "soon", "Write a number"),
        ("answer_tokens", "-3", "It must be at least 1."),
    ],
)
async def test_what_would_not_be_taken_is_said_beside_the_field(
    admin: AdminHouse, name: str, value: str, said: str
) -> None:
    answer = await put(admin, name, value)
    assert answer.status_code == 400
    assert said in seen(answer)
    assert f'value="{value}"' in answer.text
    assert await admin.audited() == []


async def test_an_empty_field_is_none_where_there_may_be_none(admin: AdminHouse) -> None:
    await put(admin, "answer_tokens", "50")
    assert admin.house.settings.answer_tokens == 50
    await put(admin, "answer_tokens", "")
    assert admin.house.settings.answer_tokens is None
    await put(admin, "system_prompt", "")
    assert admin.house.settings.system_prompt == ""


async def test_one_of_few_is_chosen_and_nothing_else_is_taken(admin: AdminHouse) -> None:
    page = await admin.get("admin", "/admin/settings/log_level")
    assert page.text.count("<option") == 5
    await put(admin, "log_level", "debug")
    assert admin.house.settings.log_level == "debug"
    refused = await put(admin, "log_level", "loud")
    assert refused.status_code == 400 and "Choose one of those offered." in seen(refused)
    await put(admin, "log_level", "")
    await put(admin, "maintenance", "true")
    assert (admin.house.settings.log_level, admin.house.settings.maintenance) == (None, True)
    await put(admin, "maintenance", "false")
    assert admin.house.settings.maintenance is False


async def test_only_an_admin_changes_them(admin: AdminHouse) -> None:
    for role in ("viewer", "operator"):
        page = await admin.get(role, "/admin/settings/attempts")
        assert "<textarea" not in page.text and 'name="value"' not in page.text
        for path in ("", "/reset"):
            refused = await admin.post(
                role,
                f"/admin/settings/attempts{path}",
                {"value": "3"},
            )
            assert refused.status_code == 403
    assert admin.house.settings.attempts == 5


async def test_a_prompt_stays_text(admin: AdminHouse) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x>\n\u202e" + "x" * 5_000
    await put(admin, "system_prompt", evil)
    for path in ("", "/system_prompt"):
        page = await admin.get("admin", f"/admin/settings{path}")
        assert "<script>alert" not in page.text and "<img src=x" not in page.text
        assert len(page.content) < 100_000
    assert admin.house.settings.system_prompt == evil


async def test_the_pages_speak_german(admin: AdminHouse) -> None:
    answer = await admin.clients["admin"].post(
        "/admin/settings/attempts", data={"value": "0"}, headers={"accept-language": "de"}
    )
    assert "Es muss mindestens 1 sein." in seen(answer) and "Versuche" in seen(answer)


async def test_what_postgres_could_not_keep_is_taken_out(admin: AdminHouse) -> None:
    async with httpx.AsyncClient(base_url=admin.address) as client:
        answer = await client.put(
            "/v1/admin/settings/system_prompt",
            content=rb'{"value": "a\u0000b\ud800c"}',
            headers={
                "authorization": f"Bearer {admin.keys['admin.manage']}",
                "content-type": "application/json",
            },
        )
    assert answer.status_code == 204
    assert admin.house.settings.system_prompt == "a\ufffdb?c"


async def test_programs_see_change_and_reset_them(admin: AdminHouse) -> None:
    listed = (await program(admin, "GET", "", scope="admin.view")).json()["data"]
    assert [one["name"] for one in listed] == list(live_fields())
    attempts = next(one for one in listed if one["name"] == "attempts")
    assert (attempts["value"], attempts["allowed"]) == (5, {"type": "integer", "minimum": 1})
    assert (await program(admin, "PUT", "/attempts", {"value": 7})).status_code == 204
    assert admin.house.settings.attempts == 7
    [change] = (await program(admin, "GET", "/attempts/history", scope="admin.view")).json()["data"]
    assert (change["by"], change["before"], change["after"]) == ("admin.manage", 5, 7)
    assert (await program(admin, "DELETE", "/attempts")).status_code == 204
    assert admin.house.settings.attempts == 5
    refused = await program(admin, "PUT", "/attempts", {"value": 0})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "greater_than_equal")
    assert (await program(admin, "PUT", "/nothing", {"value": 0})).status_code == 404
    seeing = await program(admin, "PUT", "/attempts", {"value": 7}, "admin.view")
    assert seeing.status_code == 403


async def test_the_web_chat_takes_messages_as_long_as_they_may_be_now(admin: AdminHouse) -> None:
    for longest in (40_000, 500):
        await put(admin, "message_characters", str(longest))
        async with httpx.AsyncClient(base_url=admin.address, timeout=20) as person:
            assert f'data-limit="{longest}"' in (await person.get("/")).text
            for more, status in ((0, 200), (1, 413)):
                message = {"text": "x" * (longest + more), "client_id": f"message-{more}"}
                answer = await person.post("/chat/messages", json=message)
                assert answer.status_code == status, answer.text
