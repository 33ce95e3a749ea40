"""The pages about people and their JSON: who is found, let in, kept out and given more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from assistant.answering.turns import Claimant, Outcome
from assistant.errors import MessageRefused, QuotaSpent
from assistant.messages import ChatRef, Command
from tests.support.admin_house import AdminHouse, admin_house, seen
from tests.support.decided import look_again
from tests.support.house import CHAT, House, house

WEB = ChatRef("web", "default", "cookie")
HOSTILE = (
    '<script>alert(1)</script>"><img src=x onerror=alert(2)>',
    "‮علي {{ 777*777 }} 🎉",
    "x" * 5_000,
)


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    async with house(database_url, redis_url) as lived, admin_house(lived) as made:
        yield made


async def answered(home: House, chat: ChatRef = CHAT, **who: str) -> None:
    await home.say("Hello", chat, **who)
    (turn,) = await home.turns.claim(Claimant("worker", 10.0, "model"), 1)
    ended = Outcome("done", "Yes.", prompt_tokens=900, output_tokens=100)
    assert await home.turns.finish(turn, ended)


async def person(home: House, name: str = "Ana") -> int:
    ((found,),) = await home.rows("SELECT id FROM persons WHERE name = %(n)s", {"n": name})
    return int(found)


async def identity(home: House, name: str = "Ana") -> int:
    ((found,),) = await home.rows("SELECT id FROM identities WHERE name = %(n)s", {"n": name})
    return int(found)


async def account(home: House) -> int:
    return home.service.accounts.get("telegram", "default").id


def api(admin: AdminHouse, scope: str) -> dict[str, Any]:
    return {"headers": {"authorization": f"Bearer {admin.keys[scope]}"}}  # type: ignore[index]


async def call(
    admin: AdminHouse, scope: str, method: str, path: str, body: Any = None
) -> httpx.Response:
    async with httpx.AsyncClient(base_url=admin.address) as program:
        return await program.request(method, f"/v1/admin{path}", json=body, **api(admin, scope))


# Finding people


async def test_people_are_found_by_a_part_of_their_name_by_the_platforms_id_and_by_number(
    admin: AdminHouse,
) -> None:
    home = admin.house
    await answered(home)
    await answered(home, replace(CHAT, chat_id="43"), sender_id="88", sender_name="Benedikt")
    everybody = seen(await admin.get("viewer", "/admin/people"))
    assert everybody.index("Benedikt no. 2") < everybody.index("Ana no. 1")  # the newest first
    assert "1,000" in everybody
    for asked in ("ened", "88", str(await person(home, "Benedikt"))):
        found = seen(await admin.get("viewer", f"/admin/people?q={asked}"))
        assert "Benedikt" in found, asked
        assert "Ana no. 1" not in found
    assert "Nobody fits." in seen(await admin.get("viewer", "/admin/people?q=%25"))
    assert "Nobody fits." in seen(await admin.get("viewer", "/admin/people?q=%00zz"))


async def test_before_anybody_has_written_the_list_says_so(admin: AdminHouse) -> None:
    assert "Nobody has written yet." in seen(await admin.get("viewer", "/admin/people"))


async def test_a_long_list_goes_on_on_a_further_page(admin: AdminHouse) -> None:
    await admin.house.rows(
        "INSERT INTO persons (name) SELECT 'Person ' || n FROM generate_series(1, 120) AS n"
    )
    path, names = "/people", []
    for _ in range(3):
        page = (await call(admin, "admin.view", "GET", path)).json()
        names += [one["name"] for one in page["data"]]
        path = f"/people?before={page['next']}"
    assert page["next"] is None
    assert names == [f"Person {n}" for n in range(120, 0, -1)]
    assert "Older" in seen(await admin.get("viewer", "/admin/people"))


async def test_names_and_notes_of_people_are_text_and_nothing_else(admin: AdminHouse) -> None:
    home = admin.house
    for number, name in enumerate(HOSTILE):
        chat = replace(CHAT, chat_id=f"5{number}")
        await answered(home, chat, sender_id=f"{name[:40]}{number}", sender_name=name)
        ana = await person(home, name)
        quota = {"messages_per_day": "5", "why": name[:400]}
        assert (await admin.post("admin", f"/admin/people/{ana}/quota", quota)).status_code == 303
        entry = {"entry": name[:150], "why": name[:400]}
        listed = f"/admin/people/access/accounts/{await account(home)}/list"
        assert (await admin.post("operator", listed, entry)).status_code == 303
    for path in ("/admin/people", f"/admin/people/{ana}", "/admin/people/access",
                 "/admin/people/quotas"):  # fmt: skip
        page = await admin.get("admin", path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert "603729" not in seen(page)
        assert len(page.content) < 100_000


# Deciding


async def test_a_person_is_blocked_everywhere_and_let_in_again(admin: AdminHouse) -> None:
    home = admin.house
    waits = await home.say("Hello")
    ana = await person(home)
    blocked = await admin.post("operator", f"/admin/people/{ana}/access", {"access": "blocked"})
    assert blocked.headers["location"] == f"/admin/people/{ana}"
    reply = await home.turns.read(waits.turn_id)
    assert reply is not None
    assert reply.state == "stopped"  # nothing more is written for them
    look_again(home)
    with pytest.raises(MessageRefused):
        await home.say("Hello?")
    assert "blocked" in seen(await admin.get("viewer", "/admin/people?blocked=true"))
    await admin.post("operator", f"/admin/people/{ana}/access", {"access": "allowed"})
    await home.say("Hello!")
    assert await admin.audited() == [
        ("person.blocked", f"person:{ana}"),
        ("person.access_set", f"person:{ana}"),
    ]


async def test_a_stranger_who_asks_is_let_in_declined_or_blocked(admin: AdminHouse) -> None:
    home = admin.house
    rule = f"/admin/people/access/accounts/{await account(home)}"
    assert (await admin.post("admin", rule, {"access": "pairing"})).status_code == 303
    look_again(home)
    for number, name in (("7", "Ana"), ("8", "Ben"), ("9", "Cid")):
        with pytest.raises(MessageRefused):
            await home.say("Hello", sender_id=number, sender_name=name)
    ((code,),) = await home.rows("SELECT pairing_code FROM identities WHERE name = 'Ana'")
    page = seen(await admin.get("viewer", "/admin/people/access"))
    assert code in page
    assert "Let in Decline" not in page  # a viewer decides nothing
    for name, decision in (("Ana", "allowed"), ("Ben", "pending"), ("Cid", "blocked")):
        path = f"/admin/people/access/requests/{await identity(home, name)}"
        assert (await admin.post("operator", path, {"decision": decision})).status_code == 303
    await home.say("Hello")
    assert "Nobody asks to be let in." in seen(await admin.get("viewer", "/admin/people/access"))
    with pytest.raises(MessageRefused) as refused:
        await home.say("Hello", sender_id="9", sender_name="Cid")
    assert refused.value.phrase.key == "refused.blocked"
    with pytest.raises(MessageRefused) as refused:
        await home.say("Hello", sender_id="8", sender_name="Ben")
    assert refused.value.phrase.key == "refused.pairing"  # may ask anew
    assert [one for one, _ in await admin.audited()] == [
        "account.access_set",
        "pairing.confirmed",
        "pairing.declined",
        "access.set",
    ]


async def test_an_allow_list_is_changed_while_outrider_runs(admin: AdminHouse) -> None:
    home = admin.house
    door = f"/admin/people/access/accounts/{await account(home)}"
    await admin.post("admin", door, {"access": "allowlist"})
    look_again(home)
    with pytest.raises(MessageRefused):
        await home.say("Hello")
    await admin.post("operator", f"{door}/list", {"entry": " 7 ", "why": "the boss"})
    look_again(home)
    await home.say("Hello")
    page = seen(await admin.get("viewer", "/admin/people/access"))
    assert "Who is on the list may talk to it. Chosen here" in page
    assert "7 the boss" in page
    await admin.post("operator", f"{door}/unlist", {"entry": "7"})
    look_again(home)
    with pytest.raises(MessageRefused):
        await home.say("Hello?")
    again = await admin.post("operator", f"{door}/unlist", {"entry": "7"})
    assert again.status_code == 409
    assert "isn't on the list of the dashboard" in seen(again)
    empty = await admin.post("operator", f"{door}/list", {"entry": "", "why": "kept"})
    assert empty.status_code == 400
    assert "can't be left empty" in seen(empty)
    assert 'value="kept"' in empty.text  # nothing that was typed is lost
    await admin.post("admin", door, {"access": ""})
    look_again(home)
    await home.say("Hello!")


async def test_an_identity_is_taken_apart_from_a_person_it_was_linked_with(
    admin: AdminHouse,
) -> None:
    home = admin.house
    code = (await home.service.command(Command(CHAT, "link", "7", "Ana"))).text
    code = code.split("/link ")[1][:8]
    await home.service.command(Command(WEB, "link", "cookie", "", argument=code))
    ana = await person(home)
    page = await admin.get("operator", f"/admin/people/{ana}")
    assert page.text.count("Take apart") == 2
    ((cookie,),) = await home.rows("SELECT id FROM identities WHERE platform_id = 'cookie'")
    parted = await admin.post("operator", f"/admin/people/{ana}/identities/{cookie}/part")
    assert parted.headers["location"] != f"/admin/people/{ana}"
    assert await home.rows("SELECT count(DISTINCT person_id) FROM identities") == [(2,)]
    again = await admin.post("operator", f"/admin/people/{ana}/identities/{cookie}/part")
    assert again.status_code == 409


# Quotas


async def test_who_has_used_up_a_quota_is_given_more_for_a_while(admin: AdminHouse) -> None:
    home = admin.house
    rule = {"of": "everyone", "messages_per_day": "1", "why": "a start"}
    assert (await admin.post("admin", "/admin/people/quotas", rule)).status_code == 303
    await answered(home)
    with pytest.raises(QuotaSpent):
        await home.say("One more")
    ana = await person(home)
    page = seen(await admin.get("operator", f"/admin/people/{ana}"))
    assert "Messages per day 1 of 1 used up" in page
    assert "This is everybody's quota." in page
    more = {"messages_per_day": "3", "hours": "1", "why": "a busy day"}
    given = await admin.post("operator", f"/admin/people/{ana}/override", more)
    assert given.status_code == 303
    await home.say("One more")
    page = seen(await admin.get("viewer", f"/admin/people/{ana}"))
    assert "Messages per day 2 of 3" in page
    assert "For a while, until" in page
    assert "a busy day" in page
    await admin.post("operator", f"/admin/people/{ana}/override/remove")
    with pytest.raises(QuotaSpent):
        await home.say("And another")
    entries = await home.rows(
        "SELECT action, before, after FROM audit_log WHERE action LIKE 'quota%' ORDER BY id"
    )
    assert [one[0] for one in entries] == ["quota.set", "quota.set", "quota.removed"]
    assert entries[1][2]["messages_per_day"] == 3
    assert entries[2][1]["note"] == "a busy day"


async def test_a_quota_of_ones_own_is_an_admins_to_set(admin: AdminHouse) -> None:
    home = admin.house
    await answered(home)
    own = f"/admin/people/{await person(home)}/quota"
    assert (await admin.post("operator", own, {"tokens_per_day": "5"})).status_code == 403
    assert (await admin.post("admin", own, {"tokens_per_day": "1000"})).status_code == 303
    look_again(home)
    with pytest.raises(QuotaSpent):
        await home.say("One more")
    wrong = await admin.post("admin", own, {"tokens_per_day": "-1", "why": "kept"})
    assert wrong.status_code == 400
    assert "too small or too large" in wrong.text
    assert 'value="kept"' in wrong.text
    assert (await admin.post("admin", f"{own}/remove")).status_code == 303
    assert (await admin.post("admin", f"{own}/remove")).status_code == 404


async def test_groups_and_accounts_have_quotas_with_their_use_shown(admin: AdminHouse) -> None:
    home = admin.house
    telegram = str(await account(home))
    await answered(home, replace(CHAT, chat_id="-100", kind="group"))
    for rule in (
        {"of": "account", "account": telegram, "tokens_per_month": "50000"},
        {"of": "chat", "account": telegram, "chat": "-100", "messages_per_day": "20"},
        {"of": "groups", "messages_per_day": "10"},
    ):
        assert (await admin.post("admin", "/admin/people/quotas", rule)).status_code == 303
    page = seen(await admin.get("viewer", "/admin/people/quotas"))
    assert "50,000 tokens per month Tokens per month 1,000 of 50,000" in page
    assert "Messages per day 1 of 20" in page
    assert "Each group" in page
    missing = await admin.post("admin", "/admin/people/quotas", {"of": "chat", "account": telegram})
    assert missing.status_code == 400
    nowhere = {"of": "account", "account": "987654321", "tokens_per_day": "1"}
    assert (await admin.post("admin", "/admin/people/quotas", nowhere)).status_code == 404
    gone = {"subject": "chat:*"}
    assert (await admin.post("admin", "/admin/people/quotas/remove", gone)).status_code == 303
    assert (await admin.post("admin", "/admin/people/quotas/remove", gone)).status_code == 404


async def test_without_quotas_the_page_says_what_they_would_do(admin: AdminHouse) -> None:
    assert "Nobody has a quota." in seen(await admin.get("viewer", "/admin/people/quotas"))
    english = seen(await admin.get("viewer", "/admin/people/quotas"))
    german = await admin.get("viewer", "/admin/people/quotas", headers={"accept-language": "de-DE"})
    assert "Niemand hat ein Kontingent." in seen(german) != english


# For programs


async def test_programs_see_and_decide_the_same(admin: AdminHouse) -> None:
    home = admin.house
    await answered(home)
    ana = await person(home)
    found = (await call(admin, "admin.view", "GET", f"/people/{ana}")).json()
    assert found["name"] == "Ana"
    assert found["identities"][0]["platform_id"] == "7"
    assert found["used"][0]["prompt_tokens"] == 900
    assert (await call(admin, "admin.view", "GET", "/people/999999")).status_code == 404
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for scope, path, body in (
        ("admin.manage", "/quotas", {"subject": "person:*", "limits": {"messages_per_day": 1}}),
        (
            "admin.operate",
            "/overrides",
            {"subject": f"person:{ana}", "limits": {"messages_per_day": 9}, "until": until},
        ),
    ):
        assert (await call(admin, scope, "PUT", path, body)).status_code == 204
    listed = (await call(admin, "admin.view", "GET", "/quotas")).json()["data"]
    assert [(one["subject"], one["used"] and one["used"]["messages_today"]) for one in listed] == [
        (f"person:{ana}", 1),
        ("person:*", None),
    ]
    ended = f"/overrides?subject=person:{ana}"
    assert (await call(admin, "admin.operate", "DELETE", ended)).status_code == 204
    assert (await call(admin, "admin.operate", "DELETE", ended)).status_code == 404
    look_again(home)
    with pytest.raises(QuotaSpent):
        await home.say("One more")
    kinds = await home.rows("SELECT DISTINCT actor_kind FROM audit_log WHERE action LIKE 'quota%'")
    assert kinds == [("key",)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"subject": "person:1000000", "limits": {}}, 404),
        ({"subject": "person:0", "limits": {}}, 409),
        ({"subject": "nobody", "limits": {}}, 409),
        ({"subject": "chat:1:", "limits": {}}, 409),
        ({"subject": "person:99999999999999999999", "limits": {}}, 409),
        ({"subject": "person:*", "limits": {"tokens_per_day": -1}}, 400),
        ({"subject": "person:*", "limits": {"tokens_per_day": "many"}}, 400),
        ({"subject": "person:*"}, 400),
    ],
)
async def test_a_quota_that_cannot_be_is_refused_in_a_sentence(
    admin: AdminHouse, body: Any, status: int
) -> None:
    refused = await call(admin, "admin.manage", "PUT", "/quotas", body)
    assert refused.status_code == status
    assert refused.json()["error"]["message"].endswith(".")
    assert await admin.house.rows("SELECT FROM quotas") == []


async def test_an_end_that_has_passed_or_names_no_time_zone_is_refused(admin: AdminHouse) -> None:
    await answered(admin.house)
    subject = f"person:{await person(admin.house)}"
    body = {"subject": subject, "limits": {"messages_per_day": 9}}
    for until, status in (
        ("2020-01-01T00:00:00Z", 409),
        ("2999-01-01T00:00:00", 400),
        ("2999-01-01T00:00:00Z", 409),
        ("9999-12-31T23:59:59-05:00", 409),  # which Postgres has, and Python has not
    ):
        refused = await call(admin, "admin.operate", "PUT", "/overrides", {**body, "until": until})
        assert refused.status_code == status, until
    assert await admin.house.rows("SELECT FROM quotas") == []


@pytest.mark.parametrize("subject", ["person:*", "account:1", "chat:*"])
async def test_what_holds_for_many_is_no_operators_to_lift(admin: AdminHouse, subject: str) -> None:
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    body = {"subject": subject, "limits": {}, "until": until}
    refused = await call(admin, "admin.operate", "PUT", "/overrides", body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "insufficient_scope")
    path = f"/overrides?subject={subject}"
    assert (await call(admin, "admin.operate", "DELETE", path)).status_code == 403


async def test_programs_decide_who_may_talk(admin: AdminHouse) -> None:
    home = admin.house
    door = f"/accounts/{await account(home)}"
    rule = await call(admin, "admin.manage", "PUT", f"{door}/access", {"access": "pairing"})
    assert rule.json() == {"access": "pairing"}
    look_again(home)
    with pytest.raises(MessageRefused):
        await home.say("Hello")
    (asks,) = (await call(admin, "admin.view", "GET", "/pairing-requests")).json()["data"]
    assert asks["platform_id"] == "7"
    path = f"/identities/{asks['id']}/access"
    await call(admin, "admin.operate", "PUT", path, {"access": "allowed"})
    await home.say("Hello")
    listed = f"{door}/allowlist"
    await call(admin, "admin.operate", "POST", listed, {"entry": "8", "note": "Ben"})
    (telegram,) = (await call(admin, "admin.view", "GET", "/accounts")).json()["data"]
    assert (telegram["chosen"], telegram["listed"][0]["entry"]) == ("pairing", "8")
    taken = await call(admin, "admin.operate", "DELETE", f"{listed}?entry=8")
    assert taken.status_code == 204
    assert (await call(admin, "admin.operate", "DELETE", f"{listed}?entry=8")).status_code == 404
    web = home.service.accounts.get("web", "default").id
    refused = await call(admin, "admin.manage", "PUT", f"/accounts/{web}/access", {"access": None})
    assert refused.status_code == 409
    assert "set elsewhere" in refused.json()["error"]["message"]
