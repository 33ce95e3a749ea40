"""The page of the API's keys: made with scopes and limits, shown once, revoked."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest_asyncio

from tests.support.admin_house import AdminHouse, admin_house, seen
from tests.support.house import house

GOOD = {"name": "nightly", "scopes": "chat"}


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    async with house(database_url, redis_url) as lived, admin_house(lived) as made:
        yield made


def secret_of(page: httpx.Response) -> str:
    found = re.search(r'<code class="once"[^>]*>(sk-outrider-[^<]+)</code>', page.text)
    assert found, page.text
    return found[1]


async def status_with(admin: AdminHouse, secret: str, path: str = "/v1/admin/audit") -> int:
    async with httpx.AsyncClient(base_url=admin.address) as program:
        answer = await program.get(path, headers={"authorization": f"Bearer {secret}"})
        return answer.status_code


async def test_a_key_is_shown_once_does_what_its_scopes_say_and_ends_when_revoked(
    admin: AdminHouse,
) -> None:
    form = {"name": "auditor", "scopes": "admin.manage", "requests_per_minute": "60"}
    page = await admin.post("admin", "/admin/keys", form)
    assert page.headers["cache-control"] == "no-store"
    secret = secret_of(page)
    assert await status_with(admin, secret) == 200
    assert await status_with(admin, secret, "/v1/models") == 403
    listed = await admin.get("admin", "/admin/keys")
    assert secret not in listed.text and secret[:18] in listed.text
    assert "60 requests a minute" in seen(listed)
    ((key,),) = await admin.house.rows("SELECT id FROM api_keys WHERE name = 'auditor'")
    await admin.post("admin", f"/admin/keys/{key}/revoke")
    await admin.house.rows("SELECT pg_sleep(0.6)")  # each gateway keeps them for half a second
    assert await status_with(admin, secret) == 401
    assert "revoked" in seen(await admin.get("admin", "/admin/keys"))
    again = await admin.post("admin", f"/admin/keys/{key}/revoke")
    assert again.status_code == 404
    noted = await admin.house.rows(
        "SELECT action, coalesce(after, before)->>'name' FROM audit_log WHERE target = %(key)s",
        {"key": f"key:{key}"},
    )
    assert sorted(noted) == [("key.created", "auditor"), ("key.revoked", "auditor")]
    ((stored,),) = await admin.house.rows(
        "SELECT string_agg(coalesce(after::text, ''), '') FROM audit_log"
    )
    assert secret not in stored


async def test_several_scopes_limits_and_an_end_are_kept(admin: AdminHouse) -> None:
    day = (datetime.now(UTC) + timedelta(days=3)).date()
    body = (
        f"name=nightly&scopes=chat&scopes=admin.view&tokens_per_day=1000&background=true"
        f"&expires_on={day.isoformat()}"
    )
    made = await admin.clients["admin"].post(
        "/admin/keys",
        content=body,
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert made.status_code == 200, seen(made)
    (row,) = await admin.house.rows(
        "SELECT scopes, tokens_per_day, background, expires_at FROM api_keys WHERE name='nightly'"
    )
    assert row[:3] == (["chat", "admin.view"], 1000, True)
    assert row[3] == datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


async def test_what_can_t_be_is_said_at_its_field_and_nothing_is_lost(admin: AdminHouse) -> None:
    await admin.post("admin", "/admin/keys", GOOD)
    for changed, said in (
        ({"name": "two words"}, "Take letters, digits"),
        ({"name": "default"}, "the key of the settings"),
        ({"name": "nightly"}, "a key of this name already"),
        ({"scopes": ""}, "at least one thing"),
        ({"scopes": "everything"}, "one of those offered"),
        ({"requests_per_minute": "0"}, "too small or too large"),
        ({"tokens_per_day": "many"}, "must be a number"),
        ({"tokens_per_day": "9" * 30}, "too small or too large"),
        ({"expires_on": "soon"}, "Write a day"),
        ({"expires_on": "2020-01-31"}, "over already"),
    ):
        answer = await admin.post("admin", "/admin/keys", {**GOOD, "name": "other", **changed})
        assert answer.status_code in (400, 409) and said in seen(answer), changed
        if "scopes" not in changed:
            assert re.search(r'value="chat" checked', answer.text), changed
    last = await admin.post(
        "admin", "/admin/keys", {**GOOD, "name": "z", "expires_on": "9999-12-31"}
    )
    assert last.status_code == 200


async def test_many_keys_are_paged_the_newest_first(admin: AdminHouse) -> None:
    await admin.house.rows(
        "INSERT INTO api_keys (name, hash, prefix, scopes)"
        " SELECT 'key-' || n, sha256(n::text::bytea), 'sk', '{chat}' FROM generate_series(1, 60) n"
    )
    first = await admin.get("admin", "/admin/keys")
    assert "key-60" in seen(first) and "key-10 " not in seen(first)
    older = re.search(r'href="(/admin/keys\?before=\d+)"', first.text)
    assert older and "key-10 " in seen(await admin.get("admin", older[1]))


async def test_without_any_key_the_page_says_how_one_comes_to_be(admin: AdminHouse) -> None:
    await admin.house.rows("TRUNCATE api_keys CASCADE")
    assert "no key beside the one of the settings" in seen(await admin.get("admin", "/admin/keys"))


async def test_the_same_for_programs(admin: AdminHouse) -> None:
    head = {"authorization": f"Bearer {admin.keys['admin.manage']}"}
    async with httpx.AsyncClient(base_url=admin.address, headers=head) as program:
        given = {"name": "by-api", "scopes": ["models"], "requests_per_minute": 5}
        made = await program.post("/v1/admin/keys", json=given)
        assert made.status_code == 201
        # No worker is there to say its model, which a key without the scope would not learn.
        assert await status_with(admin, made.json()["key"], "/v1/models") == 503
        assert (await program.post("/v1/admin/keys", json=given)).status_code == 409
        over = {**given, "name": "over", "expires_at": "2020-01-01T00:00:00"}
        assert (await program.post("/v1/admin/keys", json=over)).status_code == 409
        page = (await program.get("/v1/admin/keys?limit=1")).json()
        assert [one["name"] for one in page["data"]] == ["by-api"]
        assert "key" not in page["data"][0] and page["next"] == page["data"][0]["id"]
        gone = await program.delete(f"/v1/admin/keys/{page['data'][0]['id']}")
        assert gone.json()["state"] == "revoked"
        assert (await program.delete(f"/v1/admin/keys/{page['data'][0]['id']}")).status_code == 404
