"""The fake's tokens, installs, scopes, rates and files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from tests.fakes.slack import Elsewhere, FakeSlack, HandClock, Rates
from tests.support.slack_library import library, refusal

REDIRECT = "https://bot.example/oauth"


@pytest.fixture
async def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def slack(clock: HandClock) -> AsyncIterator[FakeSlack]:
    async with FakeSlack(clock=clock, rates=Rates(enforced=False)) as fake:
        yield fake


async def decide(slack: FakeSlack, team: str) -> dict[str, list[str]]:
    """What the app is told at its own address, after a person chose."""
    asked = {"client_id": slack.oauth.client_id, "scope": "chat:write,im:history", "state": "s1"}
    asked |= {"redirect_uri": REDIRECT}
    async with aiohttp.ClientSession() as browser:
        async with browser.get(f"{slack.url}/oauth/v2/authorize", params=asked) as page:
            assert "chat:write" in await page.text()
        async with browser.post(
            f"{slack.url}/oauth/v2/authorize", data=asked | {"team": team}, allow_redirects=False
        ) as answer:
            return parse_qs(urlsplit(answer.headers["Location"]).query)


def exchange(slack: FakeSlack, code: str, **other: Any) -> Any:
    given = {"client_id": slack.oauth.client_id, "client_secret": slack.oauth.client_secret}
    given |= {"redirect_uri": REDIRECT, "code": code} | other
    return library(slack, "").oauth_v2_access(**given)


async def test_an_install_gives_back_the_state_and_a_code_that_is_worth_a_token_once(
    slack: FakeSlack,
) -> None:
    other = slack.add_workspace("T0SECOND", "Second", installed=False)
    assert await refusal(library(slack, other.workspace.token).auth_test()) == "account_inactive"
    told = await decide(slack, "T0SECOND")
    assert told["state"] == ["s1"]
    answer = await exchange(slack, told["code"][0])
    assert (answer["team"]["id"], answer["scope"]) == ("T0SECOND", "chat:write,im:history")
    installed = library(slack, answer["access_token"])
    assert (await installed.auth_test())["team_id"] == "T0SECOND"
    assert await refusal(exchange(slack, told["code"][0])) == "code_already_used"


async def test_a_person_can_say_no(slack: FakeSlack) -> None:
    told = await decide(slack, "")
    assert (told["error"], told["state"]) == (["access_denied"], ["s1"])


async def test_a_code_needs_the_apps_secret_its_own_address_and_haste(
    slack: FakeSlack, clock: HandClock
) -> None:
    code = slack.oauth.code(slack.workspace, REDIRECT)
    assert await refusal(exchange(slack, code, client_secret="no")) == "bad_client_secret"
    assert await refusal(exchange(slack, code, client_id="no")) == "invalid_client_id"
    assert await refusal(exchange(slack, code, redirect_uri="https://x")) == "bad_redirect_uri"
    assert await refusal(exchange(slack, "no")) == "invalid_code"
    clock.advance(601)
    assert await refusal(exchange(slack, code)) == "invalid_code"


async def test_a_token_that_is_given_back_is_dead_and_slack_says_so(slack: FakeSlack) -> None:
    await library(slack).auth_revoke()
    assert await refusal(library(slack).auth_test()) == "token_revoked"
    assert [one.event_type for one in slack.deliveries] == ["tokens_revoked"]


async def test_an_uninstall_kills_the_token_and_ends_the_events(slack: FakeSlack) -> None:
    slack.uninstall()
    slack.dm("U1", "anybody?")
    assert [one.event_type for one in slack.deliveries] == ["tokens_revoked", "app_uninstalled"]
    assert await refusal(library(slack).auth_test()) == "account_inactive"
    code = slack.oauth.code(slack.workspace, REDIRECT)
    token = (await exchange(slack, code))["access_token"]
    assert token != slack.bot_token
    await library(slack, token).auth_test()


async def test_what_the_token_has_no_scope_for_is_refused_with_the_scopes_name(
    slack: FakeSlack,
) -> None:
    slack.workspace.scopes = frozenset({"im:history"})
    slack.workspace.channel("C1")
    slack.dm("U1", "hello")
    api = library(slack)
    await api.conversations_history(channel="DU1")
    for call, needed in (
        (api.chat_postMessage(channel="DU1", text="x"), "chat:write"),
        (api.conversations_history(channel="C1"), "channels:history"),
        (api.conversations_info(channel="DU1"), "im:read"),
        (api.users_info(user="U1"), "users:read"),
    ):
        with pytest.raises(SlackApiError) as caught:
            await call
        answer = caught.value.response
        assert (answer["error"], answer["needed"]) == ("missing_scope", needed)
        assert answer["provided"] == "im:history"


async def test_rates_count_for_each_method_and_each_workspace(clock: HandClock) -> None:
    async with FakeSlack(clock=clock) as slack:
        other = slack.add_workspace("T0SECOND", "Second")
        for people in (slack, other):
            people.workspace.channel("C1")
        ours, theirs = library(slack), library(slack, other.workspace.token)
        for _ in range(50):
            await ours.conversations_history(channel="C1")
        with pytest.raises(SlackApiError) as caught:
            await ours.conversations_history(channel="C1")
        answer = caught.value.response
        assert (answer.status_code, answer["error"]) == (429, "ratelimited")
        assert answer.headers["Retry-After"] == "60"
        await theirs.conversations_history(channel="C1")
        await ours.conversations_info(channel="C1")
        clock.advance(60)
        await ours.conversations_history(channel="C1")
        assert [one.method for one in slack.refusals] == ["conversations.history"]


async def test_posts_are_one_a_second_in_a_channel_after_a_burst(clock: HandClock) -> None:
    async with FakeSlack(clock=clock) as slack:
        for name in ("C1", "C2"):
            slack.workspace.channel(name)
        post = library(slack).chat_postMessage
        for _ in range(4):
            await post(channel="C1", text="x")
        assert await refusal(post(channel="C1", text="x")) == "ratelimited"
        await post(channel="C2", text="x")
        clock.advance(4)
        await post(channel="C1", text="x")


async def test_an_app_outside_the_marketplace_reads_once_a_minute(clock: HandClock) -> None:
    async with FakeSlack(clock=clock, rates=Rates(unlisted=True)) as slack:
        slack.workspace.channel("C1")
        read = library(slack).conversations_history
        await read(channel="C1")
        assert await refusal(read(channel="C1")) == "ratelimited"


async def get(url: str, token: str = "") -> tuple[int, str, bytes]:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, answer.content_type, await answer.read()


async def test_a_file_is_fetched_with_the_bots_token_and_else_a_sign_in_page(
    slack: FakeSlack,
) -> None:
    notes = slack.file("notes.txt", b"one, two")
    shared = slack.share("DU1", "U1", notes, text="look")
    [listed] = shared.payload()["files"]
    url = listed["url_private_download"]
    assert await get(url, slack.bot_token) == (200, "text/plain", b"one, two")
    for token in ("", "wrong", slack.app_token):
        status, kind, content = await get(url, token)
        assert (status, kind) == (200, "text/html")
        assert b"Sign in" in content
    assert (await library(slack).files_info(file=notes.id))["file"]["size"] == 8
    notes.deleted = True
    assert await refusal(library(slack).files_info(file=notes.id)) == "file_deleted"


async def test_a_file_can_lie_elsewhere_or_lead_there_and_one_sees_what_arrives(
    slack: FakeSlack,
) -> None:
    async with Elsewhere() as host:
        leading, lying = slack.file("a.txt", b""), slack.file("b.txt", b"", mode="external")
        leading.sends_to = f"{host.url}/a.txt"
        lying.url = f"{host.url}/b.txt"
        await get(leading.url, slack.bot_token)
        await get(lying.payload()["url_private"])
        assert [one.get("Authorization") for one in host.requests] == [None, None]
        await get(lying.url, slack.bot_token)
        assert host.requests[-1]["Authorization"] == f"Bearer {slack.bot_token}"


async def test_the_library_uploads_a_file_in_its_three_steps(slack: FakeSlack) -> None:
    root = slack.dm("U1", "hello")
    await library(slack).files_upload_v2(
        channel=root.channel,
        thread_ts=root.ts,
        filename="talk.md",
        content="# Talk",
        initial_comment="Here it is",
    )
    [shown] = slack.replies(root.channel)
    assert (shown.now.text, shown.thread_ts) == ("Here it is", root.ts)
    assert [(one.name, one.content) for one in shown.files] == [("talk.md", b"# Talk")]
    for url, given, code in (
        ("files.completeUploadExternal", {"files": [{"id": "F0"}]}, "file_not_found"),
        ("files.getUploadURLExternal", {"filename": "x"}, "invalid_arguments"),
    ):
        assert await refusal(library(slack).api_call(url, json=given)) == code


async def test_an_upload_of_another_length_than_was_said_is_refused(slack: FakeSlack) -> None:
    api = library(slack)
    answer = await api.files_getUploadURLExternal(filename="x", length=5)
    async with aiohttp.ClientSession() as session:
        for status in (400, 404):
            async with session.post(answer["upload_url"], data=b"four") as uploaded:
                assert uploaded.status == status
    given = [{"id": str(answer["file_id"])}]
    late = api.files_completeUploadExternal(files=given, channel_id="DU1")
    assert await refusal(late) == "file_not_found"


async def test_what_people_do_with_messages_comes_as_slack_sends_it(slack: FakeSlack) -> None:
    slack.workspace.person("U1", "Ada")
    said = slack.write("C1", "U1", "see this")
    slack.unfurl(said)
    slack.forward(said, "DU1", "U1", "what of it?")
    slack.join("C1", "U2")
    slack.other_bot_says("C1", "beep")
    slack.share("DU1", "U1", slack.file("code.py", b"print()", mode="snippet"))
    _, unfurled, forwarded, joined, bots, shared = [one.body["event"] for one in slack.deliveries]
    assert unfurled["message"]["text"] == unfurled["previous_message"]["text"]
    assert forwarded["attachments"][0]["text"] == "see this"
    assert joined["subtype"] == "channel_join"
    assert bots["bot_id"] == "B0OTHER"
    assert (shared["subtype"], shared["files"][0]["preview"]) == ("file_share", "print()")
    assert "client_msg_id" not in bots


async def test_a_mentions_twins_share_their_client_msg_id(slack: FakeSlack) -> None:
    slack.mention("C1", "U1", "hello")
    first, second = [one.body["event"] for one in slack.deliveries]
    assert {first["type"], second["type"]} == {"message", "app_mention"}
    assert first["client_msg_id"] == second["client_msg_id"] != ""
    assert first["ts"] == second["ts"]
