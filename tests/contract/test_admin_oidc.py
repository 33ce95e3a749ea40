"""Signing in by a provider, over HTTP against one: who comes in as what, and what is refused."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest_asyncio

from tests.fakes.oidc.server import Someone, Wrong
from tests.support.admin_house import admin_house, seen
from tests.support.house import House, house
from tests.support.oidc_house import OidcHouse, oidc_house

REFUSED = "The provider did not confirm who you are."


@pytest_asyncio.fixture
async def lived(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as made:
        yield made


@pytest_asyncio.fixture
async def oidc(lived: House) -> AsyncIterator[OidcHouse]:
    async with oidc_house(lived) as made:
        yield made


async def admins(oidc: OidcHouse) -> list[tuple[str, str, str]]:
    """Name, role and subject of those who came by the provider."""
    sql = "SELECT name, role, subject FROM admins WHERE subject IS NOT NULL ORDER BY id"
    return [(one[0], one[1], one[2]) for one in await oidc.admin.house.rows(sql)]


async def test_who_is_in_a_group_comes_in_with_its_role_and_to_where_they_wanted(
    oidc: OidcHouse,
) -> None:
    page = await oidc.browser.get("/admin/login?next=/admin/audit")
    assert "Sign in with 127.0.0.1" in seen(page)
    assert "/admin/login/oidc?next=%2Fadmin%2Faudit" in page.text
    arrived = await oidc.sign_in("/admin/audit")
    assert arrived.url.path == "/admin/audit"
    assert await admins(oidc) == [("ana", "admin", f"{oidc.provider.url}#4711")]
    assert [one[0] for one in await oidc.admin.audited()] == ["admin.created"]
    assert {"code_challenge", "nonce", "state"} <= oidc.provider.asked.keys()
    assert "code_verifier" not in oidc.provider.asked


async def test_the_highest_that_a_group_is_worth_counts(oidc: OidcHouse) -> None:
    for number, groups in enumerate(
        (("Everybody",), ("Everybody", "On Call"), ("Ops", "Outrider Admins"))
    ):
        oidc.provider.someone = Someone(sub=str(number), name=str(number), groups=groups)
        await oidc.sign_in()
    assert [one[1] for one in await admins(oidc)] == ["viewer", "operator", "admin"]


async def test_the_role_follows_the_groups_at_each_sign_in(oidc: OidcHouse) -> None:
    await oidc.sign_in()
    oidc.provider.someone = Someone(groups=("Everybody",))
    await oidc.sign_in()
    assert [one[1] for one in await admins(oidc)] == ["viewer"]
    assert "admin.role_changed" in [one[0] for one in await oidc.admin.audited()]
    refused = await oidc.browser.get("/admin/audit")
    assert refused.status_code == 403


async def test_who_is_in_no_group_is_refused_in_words_and_what_they_had_open_ends(
    oidc: OidcHouse,
) -> None:
    await oidc.sign_in()
    async with httpx.AsyncClient(
        base_url=oidc.admin.address, cookies=oidc.browser.cookies
    ) as other:
        assert (await other.get("/admin/me")).status_code == 200
        oidc.browser.cookies.clear()
        for groups in ((), ("outrider admins",), ("Strangers",)):  # a name is its letters exactly
            oidc.provider.someone = Someone(groups=groups)
            answer = await oidc.sign_in()
            assert answer.status_code == 403
            assert "none of your groups may use this dashboard" in seen(answer)
        assert (await other.get("/admin/me")).status_code == 303
    refusals = await oidc.admin.house.rows(
        "SELECT after->>'reason' FROM audit_log WHERE action = 'admin.sign_in_refused'"
    )
    assert refusals == [("no_group",)] * 3


async def test_who_is_disabled_here_stays_out(oidc: OidcHouse) -> None:
    await oidc.sign_in()
    await oidc.admin.house.rows("UPDATE admins SET disabled_at = now() WHERE subject IS NOT NULL")
    answer = await oidc.sign_in()
    assert answer.status_code == 403
    assert "Your account here is disabled." in seen(answer)


async def test_a_name_opens_nobody_elses_account(oidc: OidcHouse) -> None:
    oidc.provider.someone = Someone(sub="666", name="THE-ADMIN", groups=("Everybody",))
    assert (await oidc.sign_in()).url.path == "/admin/me"
    ((name, role, _),) = await admins(oidc)
    assert name.startswith("THE-ADMIN (") and role == "viewer"


async def test_the_same_person_is_the_same_admin_under_another_name(oidc: OidcHouse) -> None:
    await oidc.sign_in()
    oidc.provider.someone = Someone(name="ana maria")
    await oidc.sign_in()
    assert [one[0] for one in await admins(oidc)] == ["ana"]


WRONG_TOKENS = {
    "wrong nonce": Wrong(claims={"nonce": "of another sign-in"}),
    "no nonce": Wrong(claims={"nonce": None}),
    "wrong issuer": Wrong(claims={"iss": "https://elsewhere.example"}),
    "expired": Wrong(claims={"exp": int(time.time()) - 3600}),
    "no expiry": Wrong(claims={"exp": None}),
    "of the future": Wrong(claims={"iat": int(time.time()) + 3600}),
    "for another client": Wrong(claims={"aud": "another"}),
    "for another client, by ours": Wrong(claims={"aud": "another", "azp": "outrider at work"}),
    "for two clients, by another": Wrong(
        claims={"aud": ["outrider at work", "another"], "azp": "another"}
    ),
    "no subject": Wrong(claims={"sub": None}),
    "empty subject": Wrong(claims={"sub": ""}),
    "a subject that no table takes": Wrong(claims={"sub": "a\x00b"}),
    "a subject without an end": Wrong(claims={"sub": "a" * 256}),
    "not signed": Wrong(algorithm="none"),
    "signed with the public key as a secret": Wrong(algorithm="HS256"),
    "signed by a stranger": Wrong(stranger=True),
    "another issuer in the address": Wrong(iss="https://elsewhere.example"),
}


async def test_a_token_that_is_not_right_lets_nobody_in(oidc: OidcHouse) -> None:
    let_in = []
    for name, wrong in WRONG_TOKENS.items():
        oidc.provider.wrong = wrong
        answer = await oidc.sign_in()
        refused = answer.status_code == 403 and REFUSED in seen(answer)
        if not refused or "outrider_admin" in oidc.browser.cookies:
            let_in.append(name)
    assert let_in == []
    assert await admins(oidc) == []
    oidc.provider.wrong = Wrong()
    assert (await oidc.sign_in()).url.path == "/admin/me"


async def test_a_state_is_good_once_and_in_the_browser_that_began_alone(oidc: OidcHouse) -> None:
    back = (await oidc.begin()).headers["location"]
    async with httpx.AsyncClient(base_url=oidc.admin.address, follow_redirects=True) as thief:
        answer = await thief.get(back)
        assert answer.status_code == 400
        assert "begun in another browser" in seen(answer)
    cookie = oidc.browser.cookies["outrider_admin_oidc"]
    assert (await oidc.sign_in()).url.path == "/admin/me"
    again = await oidc.begin()
    first = await oidc.browser.get(again.headers["location"])
    assert first.headers["location"] == "/admin/me"
    oidc.browser.cookies.set("outrider_admin_oidc", cookie, path="/admin/login/oidc/callback")
    replayed = await oidc.browser.get(again.headers["location"])
    assert replayed.headers["location"] == "/admin/login?problem=expired"
    for state in ("", "?state=", "?state=made-up&code=x", "?code=x"):
        answer = await oidc.browser.get(f"/admin/login/oidc/callback{state}")
        assert answer.headers["location"] == "/admin/login?problem=expired"


async def test_a_code_that_was_caught_is_worth_nothing_in_another_sign_in(oidc: OidcHouse) -> None:
    caught = parse_qs(urlsplit((await oidc.begin()).headers["location"]).query)["code"][0]
    own = parse_qs(urlsplit((await oidc.begin()).headers["location"]).query)
    answer = await oidc.browser.get(
        "/admin/login/oidc/callback", params={"state": own["state"][0], "code": caught}
    )
    assert answer.headers["location"] == "/admin/login?problem=refused"


async def test_the_provider_s_no_is_said(oidc: OidcHouse) -> None:
    oidc.provider.denies = True
    answer = await oidc.sign_in()
    assert answer.status_code == 403
    assert "cancelled at the provider" in seen(answer)


async def test_it_leads_nowhere_but_to_the_dashboard(oidc: OidcHouse) -> None:
    for target in ("https://evil.example/", "//evil.example", "/\\evil", "/web", ""):
        back = await oidc.begin(target)
        answer = await oidc.browser.get(back.headers["location"])
        assert answer.headers["location"] == "/admin", target


async def test_a_new_session_begins_and_the_one_of_before_ends(oidc: OidcHouse) -> None:
    before = oidc.admin.tokens["viewer"]
    oidc.browser.cookies.set("outrider_admin", before, path="/admin")
    back = await oidc.begin()
    answer = await oidc.browser.get(back.headers["location"])
    cookie = next(
        one for one in answer.headers.get_list("set-cookie") if one.startswith("outrider_admin=")
    )
    assert before not in cookie
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/admin" in cookie
    assert (await oidc.admin.get("viewer", "/admin/me")).status_code == 303


async def test_a_provider_that_is_away_is_said_and_asked_again_later(oidc: OidcHouse) -> None:
    oidc.provider.away = True
    answer = await oidc.browser.get("/admin/login/oidc", follow_redirects=True)
    assert answer.status_code == 503
    assert "can't be reached right now" in seen(answer)
    oidc.provider.away = False
    back = (await oidc.begin()).headers["location"]
    oidc.provider.away = True
    answer = await oidc.browser.get(back, follow_redirects=True)
    assert answer.status_code == 503
    oidc.provider.away = False
    assert (await oidc.sign_in()).url.path == "/admin/me"


async def test_keys_that_turned_over_are_read_anew(oidc: OidcHouse) -> None:
    await oidc.sign_in()
    oidc.provider.turn_keys_over()
    # At most once a minute, however many tokens of unknown keys come.
    assert (await oidc.sign_in()).status_code == 403
    assert oidc.provider.called.count("/keys") == 1
    oidc.later.append(61.0)
    assert (await oidc.sign_in()).url.path == "/admin/me"
    assert oidc.provider.called.count("/keys") == 2


async def test_groups_may_come_in_the_user_info(oidc: OidcHouse) -> None:
    oidc.provider.groups_in = "userinfo"
    assert (await oidc.sign_in()).url.path == "/admin/me"
    oidc.provider.wrong = Wrong(userinfo_sub="somebody else")
    answer = await oidc.sign_in()
    assert answer.status_code == 403 and REFUSED in seen(answer)


async def test_a_provider_that_takes_the_secret_in_the_body_gets_it_there(
    oidc: OidcHouse,
) -> None:
    oidc.provider.methods = ("client_secret_post",)
    assert (await oidc.sign_in()).url.path == "/admin/me"
    assert oidc.provider.used_auth == ["client_secret_post"]


async def test_a_document_of_another_issuer_is_not_believed(lived: House) -> None:
    async with oidc_house(lived) as inner:
        wrong = inner.provider.url.replace("127.0.0.1", "localhost")
        async with oidc_house(lived, issuer=wrong) as oidc:
            answer = await oidc.browser.get("/admin/login/oidc", follow_redirects=True)
            assert answer.status_code == 503


async def test_behind_https_the_cookies_are_secure(lived: House) -> None:
    public = "https://chat.example.org/admin/login/oidc/callback"
    async with oidc_house(lived, redirect_url=public) as oidc:
        begun = await oidc.browser.get("/admin/login/oidc")
        assert "Secure" in begun.headers["set-cookie"]
        asked = parse_qs(urlsplit(begun.headers["location"]).query)
        assert asked["redirect_uri"] == [public]


async def test_without_a_provider_there_is_no_way_by_one(lived: House) -> None:
    async with (
        admin_house(lived) as admin,
        httpx.AsyncClient(base_url=admin.address) as stranger,
    ):
        assert "Sign in with" not in seen(await stranger.get("/admin/login"))
        answer = await stranger.get("/admin/login/oidc")
        assert answer.headers["location"].startswith("/admin/login?next=")
