"""Signing in to the dashboard: who comes in, what a cookie is worth, and how it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from assistant.storage.admins import Admins
from bots.admin.first_admin import ensure_admin
from bots.http.throttle import FREE_FAILURES
from tests.support.admin_house import PASSWORD, AdminHouse, admin_house, at_one_moment, seen
from tests.support.house import house


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    async with house(database_url, redis_url) as lived, admin_house(lived, at_one_moment) as made:
        yield made


@pytest_asyncio.fixture
async def stranger(admin: AdminHouse) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=admin.address, timeout=20) as client:
        yield client


async def enter(
    client: httpx.AsyncClient, name: str, password: str, target: str = "/admin"
) -> httpx.Response:
    form = {"name": name, "password": password, "next": target}
    return await client.post("/admin/login", data=form)


async def test_the_right_password_opens_the_dashboard_and_leads_to_where_one_wanted(
    admin: AdminHouse, stranger: httpx.AsyncClient
) -> None:
    first = await stranger.get("/admin/audit?target=person:1")
    assert first.headers["location"] == "/admin/login?next=%2Fadmin%2Faudit%3Ftarget%3Dperson%3A1"
    answer = await enter(stranger, "THE-admin", PASSWORD, "/admin/audit?target=person:1")
    assert answer.headers["location"] == "/admin/audit?target=person:1"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "Path=/admin" in cookie and "SameSite=lax" in cookie
    assert (await stranger.get("/admin/me")).status_code == 200


@pytest.mark.parametrize("home", ["/admin", "/admin/"])
async def test_home_is_found_with_and_without_a_slash_at_its_end(
    admin: AdminHouse, stranger: httpx.AsyncClient, home: str
) -> None:
    led = await stranger.get(home)
    assert led.status_code == 303
    answer = await enter(
        stranger, "the-viewer", PASSWORD, httpx.URL(led.headers["location"]).params["next"]
    )
    first = await stranger.get(answer.headers["location"])
    assert (first.status_code, first.headers["location"]) == (303, "/admin/overview")


@pytest.mark.parametrize(
    ("name", "password"),
    [("the-admin", "wrong"), ("nobody", PASSWORD), ("", ""), ("the-admin", "x" * 5000)],
)
async def test_anything_else_opens_nothing_and_says_the_same(
    admin: AdminHouse, stranger: httpx.AsyncClient, name: str, password: str
) -> None:
    answer = await enter(stranger, name, password)
    assert answer.status_code == 403
    assert "Name or password is not right." in seen(answer)
    assert "set-cookie" not in answer.headers
    assert password not in answer.text or not password


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/admin/../x",
        "/adminevil",
        "/",
    ],
)
async def test_signing_in_leads_nowhere_but_to_the_dashboard(
    admin: AdminHouse, stranger: httpx.AsyncClient, target: str
) -> None:
    answer = await enter(stranger, "the-viewer", PASSWORD, target)
    led_to = httpx.URL(admin.address).join(answer.headers["location"])
    assert str(led_to).startswith(admin.address)
    assert led_to.path != "/adminevil"


async def test_a_cookie_that_another_chose_is_not_the_one_that_is_signed_in(
    admin: AdminHouse, stranger: httpx.AsyncClient
) -> None:
    stranger.cookies.set("outrider_admin", "chosen-by-another", path="/admin")
    answer = await enter(stranger, "the-admin", PASSWORD)
    assert "chosen-by-another" not in answer.headers["set-cookie"]
    async with httpx.AsyncClient(
        base_url=admin.address, cookies={"outrider_admin": "chosen-by-another"}
    ) as other:
        assert (await other.get("/admin/me")).status_code == 303


async def test_signing_out_ends_the_sign_in_also_for_who_copied_its_cookie(
    admin: AdminHouse,
) -> None:
    copied = admin.tokens["operator"]
    assert (await admin.post("operator", "/admin/logout")).status_code == 303
    async with httpx.AsyncClient(
        base_url=admin.address, cookies={"outrider_admin": copied}
    ) as thief:
        assert (await thief.get("/admin/me")).status_code == 303


async def test_a_changed_password_ends_all_sign_ins_but_this_one(
    admin: AdminHouse, stranger: httpx.AsyncClient
) -> None:
    await enter(stranger, "the-operator", PASSWORD)
    form = {"current": PASSWORD, "password": "a longer one yet", "again": "a longer one yet"}
    changed = await admin.post("operator", "/admin/me/password", form)
    assert changed.status_code == 303, seen(changed)
    assert (await admin.get("operator", "/admin/me")).status_code == 200
    assert (await stranger.get("/admin/me")).status_code == 303
    assert (await enter(stranger, "the-operator", PASSWORD)).status_code == 403
    assert (await enter(stranger, "the-operator", "a longer one yet")).status_code == 303
    assert ("admin.password_changed", f"admin:{admin.admins['operator'].id}") in (
        await admin.audited()
    )


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"current": "no", "password": "x" * 12, "again": "x" * 12}, "not your current password"),
        ({"current": PASSWORD, "password": "short", "again": "short"}, "too short"),
        ({"current": PASSWORD, "password": "x" * 12, "again": "y" * 12}, "not the same"),
        ({}, "can't be left empty"),
    ],
)
async def test_a_password_that_can_t_be_taken_is_refused_in_words(
    admin: AdminHouse, form: dict[str, str], said: str
) -> None:
    answer = await admin.post("viewer", "/admin/me/password", form)
    assert answer.status_code == 400
    assert said in seen(answer)


async def test_guessing_gets_slow_by_name_also_from_elsewhere(
    admin: AdminHouse, stranger: httpx.AsyncClient
) -> None:
    for _ in range(FREE_FAILURES):
        assert (await enter(stranger, "the-admin", "wrong")).status_code == 403
    answer = await enter(stranger, "the-admin", PASSWORD)
    assert answer.status_code == 429
    assert "Too many tries" in seen(answer)


async def test_a_browser_that_is_known_does_not_wait_for_what_strangers_tried_beside_it(
    admin: AdminHouse, stranger: httpx.AsyncClient
) -> None:
    """They share an address, as behind one router."""
    assert (await enter(stranger, "the-admin", PASSWORD)).status_code == 303
    stranger.cookies.delete("outrider_admin")
    async with httpx.AsyncClient(base_url=admin.address) as other:
        for name in ("the-admin", "somebody", "nobody"):
            for _ in range(FREE_FAILURES):
                await enter(other, name, "wrong")
        assert (await enter(other, "the-admin", PASSWORD)).status_code == 429
    assert (await enter(stranger, "the-admin", PASSWORD)).status_code == 303


async def test_one_can_end_ones_own_sign_ins_and_nobody_elses(
    admin: AdminHouse, stranger: httpx.AsyncClient
) -> None:
    await enter(stranger, "the-operator", PASSWORD)
    stored = Admins(admin.house.database)
    other = (await stored.sessions(admin.admins["operator"].id))[0].hash.hex()
    refused = await admin.post("viewer", "/admin/me/sessions/end", {"session": other})
    assert refused.status_code == 404
    assert (await stranger.get("/admin/me")).status_code == 200
    ended = await admin.post("operator", "/admin/me/sessions/end", {"session": other})
    assert ended.status_code == 303
    assert (await stranger.get("/admin/me")).status_code == 303


async def test_the_language_is_the_admins_own_else_the_browsers(admin: AdminHouse) -> None:
    german = await admin.get("viewer", "/admin/me", headers={"accept-language": "de-AT,en;q=0.5"})
    assert "Ihr Konto" in seen(german) and 'lang="de"' in german.text
    await admin.post("viewer", "/admin/me/language", {"language": "en"})
    again = await admin.get("viewer", "/admin/me", headers={"accept-language": "de"})
    assert "Your account" in seen(again)


async def test_what_an_admin_is_called_is_text_and_no_markup(
    database_url: str, admin: AdminHouse
) -> None:
    await admin.house.rows(
        "UPDATE admins SET name = '<img src=x onerror=alert(1)>' WHERE role = 'viewer'"
    )
    page = await admin.get("viewer", "/admin/me")
    assert "<img src=x" not in page.text
    assert "&lt;img src=x" in page.text


async def test_the_first_admin_is_made_once_and_its_password_is_said_once(
    admin: AdminHouse, stranger: httpx.AsyncClient
) -> None:
    await admin.house.rows("TRUNCATE admins CASCADE")
    stored, said = Admins(admin.house.database), []
    await ensure_admin(stored, None, said.append)
    await ensure_admin(stored, None, said.append)
    assert len(said) == 2
    password = said[0].rpartition(" ")[2]
    assert (await enter(stranger, "admin", password)).status_code == 303


async def test_the_password_of_the_settings_is_the_first_admins_from_then_on(
    admin: AdminHouse, stranger: httpx.AsyncClient
) -> None:
    stored, said = Admins(admin.house.database), []
    await ensure_admin(stored, SecretStr("from the settings"), said.append)
    await enter(stranger, "admin", "from the settings")
    assert (await stranger.get("/admin/me")).status_code == 200
    await ensure_admin(stored, SecretStr("another one"), said.append)
    assert (await stranger.get("/admin/me")).status_code == 303, "its sign-ins end with it"
    assert (await enter(stranger, "admin", "another one")).status_code == 303
    assert said == []


async def test_without_its_database_the_dashboard_says_so(admin: AdminHouse) -> None:
    await admin.house.database.pool.close()
    page = await admin.get("admin", "/admin/me")
    assert page.status_code == 503
    assert "The database can't be reached right now." in seen(page)
