"""The second factor: set up, asked for, each code taken once, and what helps who lost the phone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio
from pydantic import SecretStr

from assistant.storage.audit import Actor
from assistant.storage.second_factors import SecondFactors
from bots.admin.second_factor.codes import Codes, new_secret
from bots.http.throttle import FREE_FAILURES
from bots.seal import Seal, new_key
from tests.support.admin_house import (
    MOMENT,
    PASSWORD,
    AdminHouse,
    admin_house,
    at_one_moment,
    seen,
)
from tests.support.house import house
from tests.support.second_factor import ADDRESS, Device, enter, give, scanned, set_up


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    async with house(database_url, redis_url) as lived, admin_house(lived, at_one_moment) as made:
        yield made


@pytest_asyncio.fixture
async def stranger(admin: AdminHouse) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=admin.address, timeout=20) as client:
        yield client


async def test_after_the_password_a_code_is_asked_for_and_each_is_good_once(
    admin: AdminHouse, stranger: httpx.AsyncClient
) -> None:
    made = await set_up(admin, "operator")
    asked = await enter(stranger, "the-operator")
    assert asked.headers["location"] == "/admin/login/code"
    assert "outrider_admin" not in stranger.cookies
    assert "SameSite=strict" in asked.headers["set-cookie"]
    assert (await stranger.get("/admin/me")).status_code == 303, "half a sign-in is none"
    assert (await stranger.get("/admin/login/code")).status_code == 200
    # The one that set it up was used there.
    refused = await give(stranger, made.device.code(-1))
    assert refused.status_code == 403 and "used already" in seen(refused)
    code = made.device.code()
    entered = await give(stranger, code)
    assert entered.headers["location"] == "/admin/me"
    assert (await stranger.get("/admin/me")).status_code == 200
    stranger.cookies.clear()
    await enter(stranger, "the-operator")
    assert (await give(stranger, code)).status_code == 403
    assert (await give(stranger, made.device.code(1))).status_code == 303


async def test_a_code_without_the_password_is_nothing(
    admin: AdminHouse, stranger: httpx.AsyncClient
) -> None:
    made = await set_up(admin, "viewer")
    for cookie in ("", "made-up"):
        stranger.cookies.set("outrider_admin_step", cookie, path="/admin/login/code")
        answer = await give(stranger, made.device.code())
        assert answer.headers["location"] == "/admin/login"
    stranger.cookies.clear()
    await enter(stranger, "the-viewer")
    step = stranger.cookies["outrider_admin_step"]
    await give(stranger, made.device.code())
    async with httpx.AsyncClient(base_url=admin.address) as thief:
        thief.cookies.set("outrider_admin_step", step, path="/admin/login/code")
        answer = await give(thief, made.device.code(1))
        assert answer.headers["location"] == "/admin/login", "it was good for one sign-in"


async def test_guessing_codes_gets_slow_whatever_password_comes_between(
    admin: AdminHouse, stranger: httpx.AsyncClient
) -> None:
    made = await set_up(admin, "viewer")
    for _ in range(FREE_FAILURES):
        await enter(stranger, "the-viewer")
        assert (await give(stranger, "000000")).status_code == 403
    await enter(stranger, "the-viewer")
    answer = await give(stranger, made.device.code())
    assert answer.status_code == 429 and "Too many tries" in seen(answer)


async def test_a_recovery_code_signs_in_once_however_it_is_typed(
    admin: AdminHouse, stranger: httpx.AsyncClient
) -> None:
    made = await set_up(admin, "admin")
    assert len(made.recovery) == len(set(made.recovery)) == 10
    await enter(stranger, "the-admin")
    typed = made.recovery[3].upper().replace("-", " ")
    assert (await give(stranger, typed)).status_code == 303
    assert "9 recovery codes are left." in seen(await stranger.get(ADDRESS))
    stranger.cookies.clear()
    await enter(stranger, "the-admin")
    assert (await give(stranger, made.recovery[3])).status_code == 403
    other = await set_up(admin, "viewer")
    assert (await give(stranger, other.recovery[0])).status_code == 403, "somebody else's"


async def test_nothing_is_stored_before_the_device_has_shown_a_code(admin: AdminHouse) -> None:
    device, sealed = await scanned(admin, "viewer")
    wrong = await admin.post("viewer", f"{ADDRESS}/confirm", {"sealed": sealed, "code": "000000"})
    assert wrong.status_code == 400 and "not the code of this moment" in seen(wrong)
    assert device.secret[:4] in wrong.text, "the same picture again"
    stolen = {"sealed": sealed, "code": device.code()}
    assert (await admin.post("operator", f"{ADDRESS}/confirm", stolen)).status_code == 400
    forged = {"sealed": "made up", "code": device.code()}
    assert (await admin.post("viewer", f"{ADDRESS}/confirm", forged)).status_code == 400
    assert await admin.house.rows("SELECT name FROM admins WHERE totp_secret IS NOT NULL") == []


async def test_the_secret_stands_sealed_and_for_its_admin_alone(
    admin: AdminHouse, stranger: httpx.AsyncClient
) -> None:
    made, other = await set_up(admin, "viewer"), await set_up(admin, "operator")
    ((stored,),) = await admin.house.rows(
        "SELECT totp_secret FROM admins WHERE name = 'the-viewer'"
    )
    assert made.device.secret not in stored
    await admin.house.rows(
        "UPDATE admins SET totp_step = NULL, totp_secret ="
        " (SELECT totp_secret FROM admins WHERE name = 'the-operator') WHERE name = 'the-viewer'"
    )
    await enter(stranger, "the-viewer")
    assert (await give(stranger, other.device.code())).status_code == 403
    assert (await give(stranger, made.recovery[0])).status_code == 303


async def test_a_right_code_seals_the_secret_with_the_first_key(admin: AdminHouse) -> None:
    mine, actor = admin.admins["viewer"].id, Actor("admin", 0, "a test", "")
    old, new = SecretStr(new_key()), SecretStr(new_key())
    factors, secret = SecondFactors(admin.house.database), new_secret()
    device = Device(secret.get_secret_value(), MOMENT)

    def codes(*keys: SecretStr) -> Codes:
        return Codes(factors, Seal(keys), lambda: MOMENT)

    await factors.set_up(mine, codes(old).sealed(mine, secret), 0, actor)
    assert not await codes(new).right(mine, device.code(-1), actor)
    assert not await codes(new, old).right(mine, device.code(-9), actor)
    assert not await codes(new).right(mine, device.code(-1), actor), "a wrong code changes nothing"
    assert await codes(new, old).right(mine, device.code(-1), actor)
    assert await codes(new).right(mine, device.code(), actor), "the old key can go"
    assert not await codes(new).right(mine, device.code(), actor)


async def test_each_change_of_it_asks_for_the_password(admin: AdminHouse) -> None:
    for change in ("begin", "codes", "remove"):
        if change == "codes":
            await set_up(admin, "viewer")
        for given in ("wrong", ""):
            answer = await admin.post("viewer", f"{ADDRESS}/{change}", {"password": given})
            assert answer.status_code == 400, change
    again = await admin.post("viewer", f"{ADDRESS}/begin", {"password": PASSWORD})
    assert again.status_code == 409


async def test_new_recovery_codes_end_the_old_ones_and_turning_it_off_ends_all(
    admin: AdminHouse, stranger: httpx.AsyncClient
) -> None:
    made = await set_up(admin, "viewer")
    renewed = await admin.post("viewer", f"{ADDRESS}/codes", {"password": PASSWORD})
    assert "shown this once" in seen(renewed)
    assert made.recovery[0] not in renewed.text
    await enter(stranger, "the-viewer")
    assert (await give(stranger, made.recovery[0])).status_code == 403
    await admin.post("viewer", f"{ADDRESS}/remove", {"password": PASSWORD})
    assert (await enter(stranger, "the-viewer")).headers["location"] == "/admin/me"
    assert await admin.house.rows("SELECT FROM admin_recovery_codes") == []
    viewer = f"admin:{admin.admins['viewer'].id}"
    assert await admin.audited() == [
        ("admin.second_factor_set_up", viewer),
        ("admin.recovery_codes_renewed", viewer),
        ("admin.second_factor_removed", viewer),
    ]


async def test_the_picture_has_no_style_that_the_policy_would_bar(admin: AdminHouse) -> None:
    page = await admin.post("viewer", f"{ADDRESS}/begin", {"password": PASSWORD})
    assert "<svg" in page.text and "viewBox" in page.text
    assert "style=" not in page.text and "<style" not in page.text
    assert page.headers["cache-control"] == "no-store"
