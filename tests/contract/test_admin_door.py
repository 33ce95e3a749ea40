"""The dashboard's door against misuse: cookies, guesses, lock-outs, proxies, caches."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio
from fastapi import FastAPI, Request
from pydantic import SecretStr

from assistant.storage.admin_changes import AdminChanges
from assistant.storage.admins import Admins
from bots.admin.first_admin import ensure_admin
from bots.admin.passwords import MOST_WAITING, PasswordDesk, TooBusy, hash_password
from bots.http.server import serve
from bots.http.throttle import FREE_FAILURES
from tests.contract.test_admin_routes import call, filled, flat
from tests.support.admin_house import PASSWORD, AdminHouse, admin_house, at_one_moment, seen
from tests.support.house import house
from tests.support.second_factor import enter, set_up


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    async with house(database_url, redis_url) as lived, admin_house(lived, at_one_moment) as made:
        yield made


def elsewhere(admin: AdminHouse, address: str) -> httpx.AsyncClient:
    """A client that comes from another address of this machine."""
    way = httpx.AsyncHTTPTransport(local_address=address)
    return httpx.AsyncClient(base_url=admin.address, transport=way, timeout=20)


async def test_nobody_is_kept_out_of_a_browser_they_used_before_by_a_stranger_s_guesses(
    admin: AdminHouse,
) -> None:
    async with elsewhere(admin, "127.0.0.2") as own, elsewhere(admin, "127.0.0.3") as thief:
        await enter(own, "the-admin")
        for _ in range(FREE_FAILURES):
            assert (await enter(thief, "the-admin", "wrong")).status_code == 403
        async with elsewhere(admin, "127.0.0.4") as new:
            slow = await enter(new, "the-admin")
            assert slow.status_code == 429 and int(slow.headers["retry-after"]) > 0
        assert (await enter(own, "THE-admin")).status_code == 403, "signed in: no token of the form"
        own.cookies.delete("outrider_admin")
        assert (await enter(own, "THE-admin")).status_code == 303
        # What it was given for one name is nothing for another.
        own.cookies.delete("outrider_admin")
        async with elsewhere(admin, "127.0.0.5") as other:
            for _ in range(FREE_FAILURES):
                await enter(other, "the-viewer", "wrong")
        assert (await enter(own, "the-viewer")).status_code == 429


async def test_a_browser_that_is_known_guesses_no_quicker(admin: AdminHouse) -> None:
    async with elsewhere(admin, "127.0.0.2") as own:
        await enter(own, "the-viewer")
        own.cookies.delete("outrider_admin")
        for _ in range(FREE_FAILURES):
            assert (await enter(own, "the-viewer", "wrong")).status_code == 403
        assert (await enter(own, "the-viewer")).status_code == 429


async def test_signing_in_again_ends_the_sign_in_of_before(admin: AdminHouse) -> None:
    client = admin.clients["viewer"]
    assert (await enter(client, "the-operator")).status_code == 303
    (left,) = await admin.house.rows(
        "SELECT count(*) FROM admin_sessions JOIN admins ON admins.id = admin_id"
        " WHERE name = 'the-viewer'"
    )
    assert left == (0,)


async def test_who_is_signed_in_can_t_guess_their_password_quickly(admin: AdminHouse) -> None:
    new = {"password": "x" * 12, "again": "x" * 12}
    for _ in range(FREE_FAILURES):
        answer = await admin.post("viewer", "/admin/me/password", {"current": "no", **new})
        assert "not your current password" in seen(answer)
    answer = await admin.post("viewer", "/admin/me/password", {"current": PASSWORD, **new})
    assert answer.status_code == 400 and "Too many tries" in seen(answer)


async def test_a_cookie_is_secure_where_the_browser_came_by_https_to_a_proxy(
    admin: AdminHouse,
) -> None:
    host = admin.address.removeprefix("http://")
    form = {"name": "the-viewer", "password": PASSWORD}
    for headers, secure in (
        ({}, False),
        ({"origin": f"http://{host}"}, False),
        ({"x-forwarded-proto": "https"}, True),  # of a proxy on this machine
    ):
        async with httpx.AsyncClient(base_url=admin.address) as client:
            answer = await client.post("/admin/login", data=form, headers=headers)
            assert answer.status_code == 303, headers
            cookies = answer.headers.get_list("set-cookie")
            assert [("Secure" in one) for one in cookies] == [secure] * len(cookies), headers
    async with httpx.AsyncClient(base_url=admin.address) as client:
        named = {"host": "localhost", "origin": "https://localhost"}
        answer = await client.post("/admin/login", data=form, headers=named)
        assert "Secure" in answer.headers["set-cookie"]
        foreign = {"origin": "https://evil.example"}
        assert (await client.post("/admin/login", data=form, headers=foreign)).status_code == 403


async def test_a_proxy_is_believed_where_the_settings_name_it_and_nowhere_else() -> None:
    app = FastAPI()

    @app.get("/")
    async def who(request: Request) -> list[str]:
        return [request.client.host if request.client else "", request.url.scheme]

    said = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https"}
    for proxies, believed in (
        ((), False),
        (("127.0.0.9",), False),
        (("127.0.0.2",), True),
        (("127.0.0.0/24",), True),
    ):
        bound = socket.create_server(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        running = asyncio.create_task(serve(app, bound, proxies))
        way = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
        async with httpx.AsyncClient(transport=way) as client:
            found = (await client.get(f"http://127.0.0.1:{port}/", headers=said)).json()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        expected = ["203.0.113.9", "https"] if believed else ["127.0.0.2", "http"]
        assert found == expected, proxies


async def test_nothing_of_the_dashboard_stays_in_a_cache_or_in_a_frame(admin: AdminHouse) -> None:
    for route in flat(admin.app.routes):
        if not route.path.startswith(("/admin", "/v1/admin")):
            continue
        for method in route.methods:
            answer = await call(admin.clients["viewer"], method, filled(route.path))
            where = f"{method} {route.path}"
            if route.path.startswith("/admin"):
                assert answer.headers["cache-control"] == "no-store", where
            assert answer.headers["x-frame-options"] == "DENY", where
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], where
            if route.path == "/admin/logout":
                break


async def test_more_passwords_than_people_send_are_turned_away_not_queued() -> None:
    desk, known = PasswordDesk(), await hash_password("right")
    tries = [desk.verify(known, "right") for _ in range(MOST_WAITING + 5)]
    ended = await asyncio.gather(*tries, return_exceptions=True)
    assert [one for one in ended if one is not True and not isinstance(one, TooBusy)] == []
    assert sum(isinstance(one, TooBusy) for one in ended) == 5
    assert await desk.verify(known, "right"), "and goes on afterwards"


async def test_the_settings_password_lets_in_where_no_admin_is_left(admin: AdminHouse) -> None:
    stored, password = Admins(admin.house.database), SecretStr("of the settings")
    await ensure_admin(stored, password, lambda _: None)
    await admin.house.rows(
        "UPDATE admins SET role = 'viewer', disabled_at = now() WHERE name='admin'"
    )
    await ensure_admin(stored, password, lambda _: None)
    (still,) = await admin.house.rows("SELECT role, disabled_at FROM admins WHERE name = 'admin'")
    assert still[0] == "viewer" and still[1] is not None, "another admin is there to decide it"
    await admin.house.rows("UPDATE admins SET disabled_at = now() WHERE role = 'admin'")
    await ensure_admin(stored, password, lambda _: None)
    (rescued,) = await admin.house.rows("SELECT role, disabled_at FROM admins WHERE name='admin'")
    assert rescued == ("admin", None)


async def test_somebody_at_the_server_lets_in_again_who_lost_everything(admin: AdminHouse) -> None:
    await set_up(admin, "operator")
    await admin.house.rows("UPDATE admins SET disabled_at = now() WHERE name = 'the-operator'")
    changes = AdminChanges(admin.house.database)
    await changes.let_in_again("The-Operator", await hash_password("a new one for them"))
    async with httpx.AsyncClient(base_url=admin.address) as client:
        entered = await enter(client, "the-operator", "a new one for them")
        assert entered.headers["location"] == "/admin/me"
    assert (await admin.get("operator", "/admin/me")).status_code == 303
    assert ("admin.let_in_again", f"admin:{admin.admins['operator'].id}") in await admin.audited()
