"""The admins' page: what one admin changes of another, and that there is always one left."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from assistant.errors import ChangeRefused
from assistant.storage.admin_changes import AdminChanges
from assistant.storage.admins import Admins
from assistant.storage.audit import Actor
from tests.support.admin_house import PASSWORD, AdminHouse, admin_house, at_one_moment, seen
from tests.support.house import house, until
from tests.support.second_factor import enter, give, set_up


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    async with house(database_url, redis_url) as lived, admin_house(lived, at_one_moment) as made:
        yield made


@pytest_asyncio.fixture
async def stranger(admin: AdminHouse) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=admin.address, timeout=20) as client:
        yield client


def at(admin: AdminHouse, role: str) -> str:
    return f"/admin/admins/{admin.admins[role].id}"  # type: ignore[index]


def shown_once(page: httpx.Response) -> str:
    found = re.search(r'<code class="once"[^>]*>([^<]+)</code>', page.text)
    assert found, page.text
    return found[1]


async def test_somebody_new_gets_a_password_that_is_shown_once_and_opens(
    admin: AdminHouse, stranger: httpx.AsyncClient
) -> None:
    form = {"name": "  Zoë  ", "role": "operator"}
    page = await admin.post("admin", "/admin/admins", form)
    assert page.headers["cache-control"] == "no-store"
    password = shown_once(page)
    assert password not in (await admin.get("admin", "/admin/admins")).text
    assert "Zoë" in seen(await admin.get("admin", "/admin/admins"))
    assert (await enter(stranger, "zoë", password)).status_code == 303
    assert (await stranger.get("/admin/me")).status_code == 200
    assert (await stranger.get("/admin/admins")).status_code == 403
    (noted,) = await admin.house.rows(
        "SELECT actor_name, after FROM audit_log WHERE action = 'admin.created'"
    )
    assert noted == ("the-admin", {"name": "Zoë", "role": "operator"})


async def test_a_name_that_is_taken_or_can_t_be_typed_is_refused_and_nothing_is_lost(
    admin: AdminHouse,
) -> None:
    taken = await admin.post("admin", "/admin/admins", {"name": "THE-viewer", "role": "admin"})
    assert taken.status_code == 409
    assert "an admin of this name already" in seen(taken)
    assert 'value="THE-viewer"' in taken.text
    assert re.search(r'value="admin" selected', taken.text)
    for form, said in (
        ({"name": "", "role": "viewer"}, "can't be left empty"),
        ({"name": "a\u200bb", "role": "viewer"}, "characters that can't stand here"),
        ({"name": "x" * 101, "role": "viewer"}, "too long"),
        ({"name": "x", "role": "king"}, "one of those offered"),
    ):
        answer = await admin.post("admin", "/admin/admins", form)
        assert answer.status_code == 400 and said in seen(answer), form
    assert len(await admin.house.rows("SELECT FROM admins")) == 3


async def test_a_role_counts_from_the_next_click(admin: AdminHouse) -> None:
    assert (await admin.get("viewer", "/admin/admins")).status_code == 403
    await admin.post("admin", f"{at(admin, 'viewer')}/role", {"role": "admin"})
    assert (await admin.get("viewer", "/admin/admins")).status_code == 200
    (noted,) = await admin.house.rows(
        "SELECT before, after FROM audit_log WHERE action = 'admin.role_changed'"
    )
    assert noted == ({"role": "viewer"}, {"role": "admin"})


async def test_who_is_disabled_is_out_at_once_and_in_again_when_enabled(
    admin: AdminHouse, stranger: httpx.AsyncClient
) -> None:
    await admin.post("admin", f"{at(admin, 'viewer')}/disable")
    assert (await admin.get("viewer", "/admin/me")).status_code == 303
    assert (await enter(stranger, "the-viewer", PASSWORD)).status_code == 403
    assert "Disabled" in seen(await admin.get("admin", "/admin/admins"))
    await admin.post("admin", f"{at(admin, 'viewer')}/enable")
    assert (await admin.get("viewer", "/admin/me")).status_code == 303, "that sign-in is over"
    assert (await enter(stranger, "the-viewer", PASSWORD)).status_code == 303
    viewer = f"admin:{admin.admins['viewer'].id}"
    assert await admin.audited() == [("admin.disabled", viewer), ("admin.enabled", viewer)]


async def test_sign_ins_end_together(admin: AdminHouse) -> None:
    page = await admin.get("admin", at(admin, "operator"))
    assert "a test" in seen(page), "where they are signed in"
    await admin.post("admin", f"{at(admin, 'operator')}/sessions/end")
    assert (await admin.get("operator", "/admin/me")).status_code == 303
    assert "Nowhere at the moment." in seen(await admin.get("admin", at(admin, "operator")))


async def test_a_new_password_ends_the_old_one_and_the_sign_ins(
    admin: AdminHouse, stranger: httpx.AsyncClient
) -> None:
    page = await admin.post("admin", f"{at(admin, 'viewer')}/password")
    assert (await admin.get("viewer", "/admin/me")).status_code == 303
    assert (await enter(stranger, "the-viewer", PASSWORD)).status_code == 403
    assert (await enter(stranger, "the-viewer", shown_once(page))).status_code == 303
    assert PASSWORD not in page.text


async def test_a_second_factor_that_was_lost_is_taken_away(
    admin: AdminHouse, stranger: httpx.AsyncClient
) -> None:
    made = await set_up(admin, "viewer")
    await admin.post("admin", f"{at(admin, 'viewer')}/second-factor")
    assert (await enter(stranger, "the-viewer")).headers["location"] == "/admin/me"
    again = await admin.post("admin", f"{at(admin, 'viewer')}/second-factor")
    assert again.status_code == 409 and "no second factor" in seen(again)
    stranger.cookies.clear()
    await set_up(admin, "operator")
    await enter(stranger, "the-operator")
    assert (await give(stranger, made.recovery[0])).status_code == 403


async def test_nobody_does_it_to_themselves(admin: AdminHouse) -> None:
    for change in ("role", "disable", "password", "second-factor"):
        answer = await admin.post("admin", f"{at(admin, 'admin')}/{change}", {"role": "viewer"})
        assert answer.status_code == 409, change
        assert "Nobody does this to their own account." in seen(answer)
    assert (await admin.get("admin", "/admin/admins")).status_code == 200


async def test_of_two_admins_who_demote_each_other_at_once_one_stays(admin: AdminHouse) -> None:
    await admin.post("admin", f"{at(admin, 'viewer')}/role", {"role": "admin"})
    first, second = admin.admins["admin"], admin.admins["viewer"]
    changes, by = AdminChanges(admin.house.database), "127.0.0.1"

    async def both_wait() -> bool:
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        return len(await admin.house.rows(waiting)) == 2

    # Nobody writes to the audit log for now, so that each is at its end before the other is over.
    async with admin.house.database.transaction(60.0) as holding:
        await holding.execute("LOCK TABLE audit_log IN SHARE MODE")
        both = asyncio.gather(
            changes.set_role(first.id, "viewer", Actor("admin", second.id, second.name, by)),
            changes.disable(second.id, Actor("admin", first.id, first.name, by)),
            return_exceptions=True,
        )
        await until(both_wait)
    refused = [one for one in await both if isinstance(one, ChangeRefused)]
    assert [one.code for one in refused] == ["last_admin"]


async def test_the_last_admin_stays_one_for_programs_too(admin: AdminHouse) -> None:
    head = {"authorization": f"Bearer {admin.keys['admin.manage']}"}
    here = f"/v1/admin/admins/{admin.admins['admin'].id}"
    async with httpx.AsyncClient(base_url=admin.address, headers=head) as program:
        for change in ({"role": "viewer"}, {"disabled": True}):
            answer = await program.patch(here, json=change)
            assert answer.status_code == 409
            assert answer.json()["error"]["code"] == "last_admin"
        made = await program.post("/v1/admin/admins", json={"name": "Bo", "role": "admin"})
        assert made.status_code == 201 and made.json()["password"]
        assert (await program.patch(here, json={"role": "viewer"})).json()["role"] == "viewer"
        ended = await program.delete(f"{here}/sessions")
        assert ended.json() == {"ended": 1}
        listed = (await program.get("/v1/admin/admins")).json()["data"]
        assert {one["name"]: one["role"] for one in listed}["the-admin"] == "viewer"
        assert "password_hash" not in str(listed) and "totp_secret" not in str(listed)
        for path, method in (("", "patch"), ("/password", "post"), ("/sessions", "delete")):
            body = {"json": {"disabled": True}} if method == "patch" else {}
            call = getattr(program, method)
            answer = await call(f"/v1/admin/admins/987654321{path}", **body)
            assert answer.status_code == 404, path
    (by,) = await admin.house.rows("SELECT actor_kind FROM audit_log WHERE action='admin.created'")
    assert by == ("key",)


async def test_an_admin_of_the_provider_has_no_password_and_the_role_of_their_groups(
    admin: AdminHouse,
) -> None:
    await admin.house.rows(
        "UPDATE admins SET subject = 'https://x#1', password_hash = NULL WHERE name = 'the-viewer'"
    )
    for change in ("role", "password"):
        answer = await admin.post("admin", f"{at(admin, 'viewer')}/{change}", {"role": "admin"})
        assert answer.status_code == 409
        assert "provider" in seen(answer)
    page = await admin.get("admin", at(admin, "viewer"))
    assert "https://x#1" in seen(page) and "New password" not in seen(page)
    assert "You sign in by the provider" in seen(await admin.get("viewer", "/admin/me"))


async def test_what_admins_are_called_and_come_with_is_text_and_no_markup(
    admin: AdminHouse,
) -> None:
    evil = '"><img src=x onerror=alert(1)>\u202e{{7*7}}' + "y" * 60
    await admin.house.rows(
        "UPDATE admins SET name = %(name)s WHERE role = 'viewer'", {"name": evil}
    )
    await admin.house.rows("UPDATE admin_sessions SET agent = '<script>alert(1)</script>'")
    for page in ("/admin/admins", at(admin, "viewer"), "/admin/audit"):
        text = (await admin.get("admin", page)).text
        assert "<img src=x" not in text and "<script>alert" not in text
    reset = await admin.post("admin", f"{at(admin, 'viewer')}/password")
    assert "<img src=x" not in reset.text


async def test_an_id_that_nobody_has_or_can_have_is_not_found(admin: AdminHouse) -> None:
    for given in ("987654321", "9" * 30, "0", "-1", "x"):
        assert (await admin.get("admin", f"/admin/admins/{given}")).status_code == 404
        assert (await admin.post("admin", f"/admin/admins/{given}/disable")).status_code == 404
    assert await Admins(admin.house.database).get(987654321) is None
