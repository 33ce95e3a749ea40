"""Several workspaces, each installed by OAuth, against a server that acts like slack.com."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from redis.asyncio import Redis

from bots.seal import new_key
from bots.slack.agent.shortcut import CALLBACK, QUESTION, WORDS
from bots.slack.client import slack_session
from bots.slack.install.install_pages import InstallPages
from bots.slack.install.install_states import InstallStates
from bots.slack.install.oauth import OAuthApp
from tests.fakes.slack import FakeSlack, Rates, Trouble, interactions
from tests.support.house import until
from tests.support.listening_slack import PATIENT
from tests.support.serving import serving
from tests.support.slack_house import KEY, Browser, SlackHouse, installable, slack_house

SECOND = "T0SECOND"


@dataclass
class Stage:
    """A fake slack.com with two workspaces, neither of which has the app."""

    slack: FakeSlack
    database_url: str
    redis_url: str
    port: int = field(default_factory=lambda: free_port())

    def __post_init__(self) -> None:
        self.first = self.slack
        self.second = self.slack.add_workspace(SECOND, "Second", installed=False)
        self.first.workspace.installed = False
        self.first.workspace.dead_tokens[self.first.workspace.token] = "account_inactive"

    @property
    def team(self) -> str:
        return self.first.workspace.team_id

    @asynccontextmanager
    async def gateway(
        self, *, port: int | None = None, listens: bool = True, **values: Any
    ) -> AsyncIterator[SlackHouse]:
        """`values` are settings of Slack's; `listens`: Slack sends its events there."""
        named = ("password", "tokens_per_second", "answer_tokens", "looks")
        more = {name: values.pop(name) for name in named if name in values}
        at = self.port if port is None else port
        given = installable(self.slack, self.port, **values)
        async with slack_house(given, self.database_url, self.redis_url, port=at, **more) as here:
            if listens:
                await self.slack.subscribe(f"{here.url}/webhooks/slack")
            yield here

    async def both_installed(self, here: SlackHouse) -> None:
        for team in (self.team, SECOND):
            assert await Browser().installs(here.url, team) == "installed"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture
async def stage(database_url: str, redis_url: str) -> AsyncIterator[Stage]:
    async with FakeSlack(schedule=PATIENT, rates=Rates(enforced=False)) as slack:
        yield Stage(slack, database_url, redis_url)


def said(people: Any, channel: str) -> list[str]:
    return [reply.now.markdown or reply.now.text for reply in people.replies(channel)]


async def answered(people: Any, channel: str, text: str, times: int = 1) -> None:
    """An answer that has this text stands there, whole."""
    await until(lambda: sum(text in one for one in said(people, channel)) == times, seconds=30)


# --- installing


async def test_two_workspaces_install_the_app_and_each_is_answered_in_its_own(
    stage: Stage,
) -> None:
    async with stage.gateway() as here:
        await stage.both_installed(here)
        assert here.accounts == {stage.team, SECOND}
        stage.first.dm("U1", "what of apples?")
        stage.second.dm("U1", "what of pears?")
        await answered(stage.first, "DU1", "apples")
        await answered(stage.second, "DU1", "pears")
        assert not any("pears" in one for one in said(stage.first, "DU1"))
        assert not any("apples" in one for one in said(stage.second, "DU1"))
        people = await here.home.rows("SELECT count(*) FROM persons")
        assert people == [(2,)]  # U1 here and U1 there are two
    posts = stage.slack.calls_of("chat.postMessage")
    assert {(call.team, call.error) for call in posts} == {(stage.team, ""), (SECOND, "")}


async def test_presses_and_slash_commands_go_to_their_workspace(stage: Stage) -> None:
    async with stage.gateway(tokens_per_second=20.0, answer_tokens=2000) as here:
        await stage.both_installed(here)
        stage.second.dm("U1", "a long story, please")
        await until(lambda: any("story" in one for one in said(stage.second, "DU1")), seconds=30)
        order = stage.second.command("DU1", "U1", "/outrider", "usage")
        await order.acknowledged.wait()
        assert order.answer["response_type"] == "ephemeral"
        stage.second.press(stage.second.replies("DU1")[0], "U1")

        async def stopped() -> bool:
            return bool(await here.home.rows("SELECT FROM turns WHERE state = 'stopped'"))

        await until(stopped)


async def test_who_may_talk_is_set_for_all_workspaces_alike(stage: Stage) -> None:
    async with stage.gateway(access="allowlist", allowlist=(SECOND,)) as here:
        await stage.both_installed(here)
        stage.first.dm("U1", "what of apples?")
        stage.second.dm("U1", "what of pears?")
        await answered(stage.first, "DU1", "add your id, U1,")
        await answered(stage.second, "DU1", "pears")
        assert await here.home.rows("SELECT text FROM messages") == [("what of pears?",)]


async def test_a_tab_a_pane_and_a_form_are_those_of_their_workspace(stage: Stage) -> None:
    async with stage.gateway() as here:
        await stage.both_installed(here)
        stage.second.open_home("U1")
        stage.second.open_home("U1", "messages")
        await until(lambda: "U1" in stage.second.workspace.homes)
        await until(lambda: bool(stage.second.workspace.prompts))
        theirs = stage.second.write("C1", "U2", "hello")
        await stage.second.use_shortcut(theirs, "U1", CALLBACK).acknowledged.wait()
        await until(lambda: bool(stage.second.workspace.views))
        [form] = stage.second.workspace.views
        stage.second.submit(form, "U1", {QUESTION: {WORDS: {"value": "pears?"}}})
        await answered(stage.second, "C1", "U1 asks: pears?")
        assert (stage.first.workspace.homes, stage.first.workspace.prompts) == ({}, {})


async def test_socket_mode_serves_every_workspace_by_one_connection(stage: Stage) -> None:
    async with stage.gateway(
        listens=False, app_token=stage.slack.app_token, signing_secret=""
    ) as here:
        await stage.both_installed(here)
        stage.first.dm("U1", "what of apples?")
        stage.second.dm("U1", "what of pears?")
        await answered(stage.first, "DU1", "apples")
        await answered(stage.second, "DU1", "pears")
        assert stage.slack.courier.sockets.opened == 1


async def test_the_settings_workspace_and_an_installed_one_are_served_side_by_side(
    stage: Stage,
) -> None:
    token = "xoxb-of-the-settings"
    stage.first.workspace.token, stage.first.workspace.installed = token, True
    async with stage.gateway(bot_token=token) as here:
        assert await Browser().installs(here.url, SECOND) == "installed"
        stage.first.dm("U1", "what of apples?")
        stage.second.dm("U1", "what of pears?")
        await answered(stage.first, "DU1", "apples")
        await answered(stage.second, "DU1", "pears")
        assert await Browser().installs(here.url, stage.team) == "home"
        assert here.accounts == {"default", SECOND}
    assert stage.slack.calls_of("auth.revoke") == []


async def test_a_refused_token_of_the_settings_leaves_the_installed_workspaces_alone(
    stage: Stage,
) -> None:
    async with stage.gateway(
        bot_token="xoxb-wrong", app_token=stage.slack.app_token, listens=False
    ) as here:
        assert await Browser().installs(here.url, SECOND) == "installed"
        stage.second.dm("U1", "what of pears?")
        await answered(stage.second, "DU1", "pears")


# --- what must not be


async def test_tokens_and_secrets_are_in_no_row_no_address_no_page_and_no_line_of_the_log(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    async with stage.gateway() as here:
        browser = Browser()
        back = await browser.allowed(here.url, SECOND)
        [code] = re.findall(r"code=(\w+)", back)
        told = await browser.get(back)
        page = await browser.get(here.url + told.location)
        stage.second.dm("U1", "what of pears?")
        await answered(stage.second, "DU1", "pears")
        stored = await here.everything()
    assert page.status == 200
    assert "Outrider is installed" in page.text
    assert SECOND in stored
    seen = "".join(capfd.readouterr()) + stored + told.location + page.text
    secrets = (stage.second.workspace.token, code, KEY, stage.slack.oauth.client_secret)
    assert [one for one in secrets if one in seen] == []


async def test_an_install_is_good_in_the_browser_alone_that_began_it(stage: Stage) -> None:
    async with stage.gateway() as here:
        back = await Browser().allowed(here.url, SECOND)
        for other in (Browser(), Browser()):
            assert (await other.get(back)).location == "/slack/install/expired"
        assert await here.installed() == {}
    assert stage.slack.calls_of("oauth.v2.access") == []


async def test_a_state_is_good_once_and_a_code_is_taken_once(stage: Stage) -> None:
    async with stage.gateway() as here:
        browser = Browser()
        back = await browser.allowed(here.url, SECOND)
        same = deepcopy(browser)
        assert (await browser.get(back)).location == "/slack/install/installed"
        for one in (same, browser):  # with its cookie, and as we left it
            assert (await one.get(back)).location == "/slack/install/expired"
        fresh = await browser.allowed(here.url, SECOND)
        [code] = re.findall(r"code=(\w+)", back)
        replayed = re.sub(r"code=\w+", f"code={code}", fresh)
        assert (await browser.get(replayed)).location == "/slack/install/refused"
        assert here.accounts == {SECOND}


@pytest.mark.parametrize("state", ["", "state=", "state=guessed", "state=%00&state=%ff"])
async def test_a_state_that_we_never_gave_is_refused_before_anything_is_asked(
    stage: Stage, state: str
) -> None:
    async with stage.gateway() as here:
        browser = Browser()
        await browser.get(f"{here.url}/slack/install")
        back = f"{here.url}/slack/oauth_redirect?code=1&{state}"
        assert (await browser.get(back)).location == "/slack/install/expired"
    assert stage.slack.calls_of("oauth.v2.access") == []


async def test_an_install_that_was_begun_ends_after_ten_minutes(stage: Stage) -> None:
    async with stage.gateway() as here:
        browser = Browser()
        back = await browser.allowed(here.url, SECOND)
        [key] = [one async for one in here.home.redis.scan_iter("outrider:slack:install:*")]
        assert 0 < await here.home.redis.ttl(key) <= 600
        await here.home.redis.expire(key, 0)
        told = await browser.get(back)
        page = await browser.get(here.url + told.location)
    assert (page.status, "Begin again" in page.text) == (400, True)


async def test_without_redis_an_install_is_put_off_in_words(stage: Stage) -> None:
    async def never(*_: object) -> None:
        raise AssertionError("nothing may be asked without a state")

    given = installable(stage.slack, stage.port)
    away = Redis.from_url("redis://127.0.0.1:1", decode_responses=True)
    async with away, slack_session() as session:
        app = OAuthApp(given, "1.2", SecretStr("s"), given.redirect_url or "", session)
        pages, site = InstallPages(app, InstallStates(away), never, never), FastAPI()
        site.include_router(pages.router())
        async with serving(site) as url:
            browser = Browser()
            for path in ("install", "oauth_redirect?code=1&state=2"):
                told = await browser.get(f"{url}/slack/{path}")
                assert told.location == "/slack/install/away"
            page = await browser.get(url + told.location)
    assert (page.status, "Begin again" in page.text) == (503, True)


async def test_who_says_no_at_slack_installs_nothing_and_is_told_so(stage: Stage) -> None:
    async with stage.gateway() as here:
        assert await Browser().installs(here.url, "") == "declined"
        assert (await here.installed(), here.accounts) == ({}, set())


async def test_a_workspace_that_is_not_listed_is_refused_and_its_token_given_back(
    stage: Stage,
) -> None:
    async with stage.gateway(workspaces="T0FAKE") as here:
        browser = Browser()
        assert await browser.installs(here.url, SECOND) == "unlisted"
        page = await browser.get(f"{here.url}/slack/install/unlisted")
        assert (page.status, "OUTRIDER_SLACK__WORKSPACES" in page.text) == (403, True)
        assert await here.installed() == {}
    [given_back] = stage.slack.calls_of("auth.revoke")
    assert given_back.team == SECOND


async def test_without_a_list_an_install_needs_the_sign_in(stage: Stage) -> None:
    async with stage.gateway(workspaces="", password="open sesame") as here:
        browser = Browser()
        for path in ("install", "oauth_redirect?code=1&state=2", "install/installed"):
            stranger = await browser.get(f"{here.url}/slack/{path}")
            assert (stranger.status, stranger.location.startswith("/login?")) == (303, True)
        await browser.post(f"{here.url}/login", password="open sesame")
        assert await browser.installs(here.url, SECOND) == "installed"


@pytest.mark.parametrize(("root", "secure"), [("https://bot.test", True), ("http://[::1]", False)])
async def test_the_cookie_of_an_install_is_no_scripts_and_no_other_sites(
    stage: Stage, root: str, secure: bool
) -> None:
    async with stage.gateway(redirect_url=f"{root}/slack/oauth_redirect") as here:
        begun = await Browser().get(f"{here.url}/slack/install")
    [cookie] = begun.cookies
    assert {"HttpOnly", "SameSite=lax", "Path=/slack/oauth_redirect"} <= set(cookie.split("; "))
    assert ("Secure" in cookie.split("; ")) is secure
    assert cookie.split(";")[0].partition("=")[2] not in begun.text


async def test_what_comes_for_a_workspace_that_is_not_installed_is_taken_and_dropped(
    stage: Stage,
) -> None:
    third = stage.slack.add_workspace("T0THIRD", "Third")
    async with stage.gateway() as here:
        await stage.both_installed(here)
        third.dm("U1", "is anybody there?")
        order = third.command("DU1", "U1", "/outrider", "help")
        for one in (stage.slack.deliveries[0], order):
            await one.acknowledged.wait()
            assert one.statuses == [200]
        assert order.answer is None
        assert await here.home.rows("SELECT FROM messages") == []
    assert {call.team for call in stage.slack.calls} == {"", stage.team, SECOND}


# --- restarts and replicas


async def test_installs_outlive_a_restart(stage: Stage) -> None:
    async with stage.gateway() as here:
        await stage.both_installed(here)
    async with stage.gateway():
        stage.second.dm("U1", "what of pears?")
        await answered(stage.second, "DU1", "pears")


async def test_an_install_that_one_replica_began_is_taken_by_another_and_served_by_both(
    stage: Stage,
) -> None:
    async with (
        stage.gateway(listens=False) as one,
        stage.gateway(port=free_port()) as other,
    ):
        browser = Browser()
        back = await browser.allowed(other.url, SECOND)
        assert back.startswith(one.url)
        assert (await browser.get(back)).location == "/slack/install/installed"
        assert one.accounts == {SECOND}
        await until(lambda: other.accounts == {SECOND})
        stage.second.dm("U1", "what of pears?")
        await answered(stage.second, "DU1", "pears")
        stage.second.uninstall()
        await until(lambda: not one.accounts | other.accounts)


async def test_a_message_that_comes_to_a_replica_before_it_knows_of_the_install_is_kept(
    stage: Stage,
) -> None:
    async with (
        stage.gateway(listens=False) as one,
        stage.gateway(port=free_port(), looks=False) as other,
    ):
        assert await Browser().installs(one.url, SECOND) == "installed"
        assert other.accounts == set()
        stage.second.dm("U1", "what of pears?")
        await answered(stage.second, "DU1", "pears")
        assert other.accounts == {SECOND}


async def test_another_key_seals_what_is_stored_anew_and_a_lost_one_leaves_a_workspace_off(
    stage: Stage,
) -> None:
    key, stored = new_key(), "SELECT token FROM installs"
    async with stage.gateway() as here:
        assert await Browser().installs(here.url, SECOND) == "installed"
        before = await here.home.rows(stored)
    async with stage.gateway(token_keys=f"{key},{KEY}") as here:
        await until(lambda: here.accounts == {SECOND})
        assert await here.home.rows(stored) != before
    async with stage.gateway(token_keys=key) as here:
        await until(lambda: here.accounts == {SECOND})
    async with stage.gateway(token_keys=new_key()) as here:
        assert await Browser().installs(here.url, stage.team) == "installed"
        assert here.accounts == {stage.team}
        assert set(await here.installed()) == {stage.team, SECOND}  # until it installs anew


async def test_a_workspace_that_is_taken_off_the_list_is_off_and_comes_back_with_it(
    stage: Stage,
) -> None:
    async with stage.gateway() as here:
        await stage.both_installed(here)
    async with stage.gateway(workspaces="T0FAKE") as here:
        await until(lambda: here.accounts == {"T0FAKE"})
        stage.second.dm("U1", "what of pears?")
        await stage.slack.deliveries[-1].acknowledged.wait()
        assert await here.home.rows("SELECT FROM messages") == []
    async with stage.gateway() as here:
        await until(lambda: here.accounts == {stage.team, SECOND})


# --- leaving


async def test_a_workspace_that_leaves_amid_an_answer_is_off_and_others_go_on(
    stage: Stage,
) -> None:
    async with stage.gateway(tokens_per_second=40.0, answer_tokens=400) as here:
        await stage.both_installed(here)
        stage.first.dm("U1", "what of apples?")
        stage.second.dm("U1", "what of pears?")
        stage.second.dm("U2", "what of plums?")
        for people, channel in ((stage.first, "DU1"), (stage.second, "DU1"), (stage.second, "DU2")):
            await until(lambda p=people, c=channel: any(said(p, c)), seconds=30)
        stage.second.uninstall()
        await until(lambda: here.accounts == {stage.team})
        assert set(await here.installed()) == {stage.team}

        async def over() -> bool:
            return not await here.home.rows("SELECT FROM deliveries WHERE finished_at IS NULL")

        await until(over, seconds=30)
        states = await here.home.rows(
            "SELECT accounts.name, deliveries.state, error FROM deliveries "
            "JOIN accounts ON accounts.id = account_id ORDER BY turn_id"
        )
        turns = await here.home.rows("SELECT state FROM turns ORDER BY state")
    assert sorted(states) == [
        (stage.team, "done", ""),
        (SECOND, "failed", "uninstalled"),
        (SECOND, "failed", "uninstalled"),
    ]
    assert turns == [("done",), ("stopped",), ("stopped",)]


async def test_a_new_install_goes_on_with_the_account_and_its_history(stage: Stage) -> None:
    accounts = "SELECT id, name FROM accounts WHERE channel = 'slack' ORDER BY id"
    async with stage.gateway() as here:
        await stage.both_installed(here)
        stage.second.dm("U1", "what of pears?")
        await answered(stage.second, "DU1", "pears")
        before = await here.home.rows(accounts)
        former = (await here.installed())[SECOND]
        stage.second.uninstall()
        await until(lambda: here.accounts == {stage.team})
        assert await Browser().installs(here.url, SECOND) == "installed"
        assert await here.home.rows(accounts) == before
        assert (await here.installed())[SECOND] > former
        stage.second.dm("U1", "and what of plums?")
        await answered(stage.second, "DU1", "plums")
        texts = await here.home.rows("SELECT text FROM messages ORDER BY id")
        assert texts == [("what of pears?",), ("and what of plums?",)]


async def test_a_call_that_finds_the_token_revoked_ends_the_install_without_any_event(
    stage: Stage,
) -> None:
    stage.slack.state.subscribed = frozenset({"message.im"})
    async with stage.gateway() as here:
        await stage.both_installed(here)
        stage.second.dm("U1", "what of pears?")
        await answered(stage.second, "DU1", "pears")
        stage.second.revoke()
        stage.second.dm("U1", "and what of plums?")
        await until(lambda: here.accounts == {stage.team}, seconds=30)
        assert set(await here.installed()) == {stage.team}
        stage.first.dm("U1", "what of apples?")
        await answered(stage.first, "DU1", "apples")


async def test_a_call_that_we_may_not_make_ends_no_install(stage: Stage) -> None:
    async with stage.gateway() as here:
        await stage.both_installed(here)
        stage.slack.trouble("chat.postMessage", Trouble("missing_scope"))
        stage.second.dm("U1", "what of pears?")
        await until(lambda: stage.slack.calls_of("chat.postMessage"), seconds=30)
        stage.first.dm("U1", "what of apples?")
        await answered(stage.first, "DU1", "apples")
        assert here.accounts == {stage.team, SECOND}


async def test_a_late_word_of_a_former_install_does_not_end_the_new_one(stage: Stage) -> None:
    async with stage.gateway() as here:
        assert await Browser().installs(here.url, SECOND) == "installed"
        for body in (stage.second.events.tokens_revoked(), stage.second.events.uninstalled()):
            late = stage.slack.courier.deliver("events_api", body)
            await late.acknowledged.wait()
        stage.second.dm("U1", "what of pears?")
        await answered(stage.second, "DU1", "pears")
        assert here.accounts == {SECOND}


async def test_a_word_that_slack_cannot_be_asked_about_comes_again(stage: Stage) -> None:
    async with stage.gateway() as here:
        assert await Browser().installs(here.url, SECOND) == "installed"
        stage.slack.trouble("auth.test", Trouble(status=503))
        word = stage.slack.courier.deliver("events_api", stage.second.events.uninstalled())
        await word.acknowledged.wait()
        assert (word.statuses, here.accounts) == ([503, 200], {SECOND})


# --- Slack Connect


async def test_a_message_from_elsewhere_goes_to_the_workspace_that_let_us_hear_it(
    stage: Stage,
) -> None:
    async with stage.gateway(outsiders=True) as here:
        await stage.both_installed(here)
        stage.second.outsider("U9", stage.team)  # of the first, writes to the second's bot
        stage.second.dm("U9", "what of plums?")
        assert stage.slack.deliveries[-1].body["team_id"] == stage.team
        await answered(stage.second, "DU9", "plums")
        heard = await here.home.rows(
            "SELECT DISTINCT name FROM messages JOIN accounts ON accounts.id = account_id"
        )
        assert heard == [(SECOND,)]
        assert stage.first.messages("DU9") == []


async def test_a_shared_channels_message_reaches_the_workspace_whose_bot_it_calls(
    stage: Stage,
) -> None:
    async with stage.gateway(outsiders=True) as here:
        await stage.both_installed(here)
        stage.second.outsider("U9", stage.team, "C1")
        called = f"<@{stage.first.workspace.bot_user_id}> what of plums?"
        said = stage.second.write("C1", "U9", called)  # Slack names the second alone
        aside = stage.second.write("C1", "U9", "just between us")
        for one in stage.slack.deliveries:
            await one.acknowledged.wait()
        heard = await here.home.rows(
            "SELECT name, platform_message_id FROM messages "
            "JOIN accounts ON accounts.id = account_id"
        )
    assert heard == [(stage.team, said.ts)]
    assert aside.ts != said.ts


async def test_a_press_from_elsewhere_goes_to_the_workspace_of_the_message(stage: Stage) -> None:
    async with stage.gateway(outsiders=True, tokens_per_second=40.0, answer_tokens=2000) as here:
        await stage.both_installed(here)
        stage.second.outsider("U9", stage.team, "C1")
        stage.second.mention("C1", "U9", "a long story, please")
        await until(lambda: any("story" in one for one in said(stage.second, "C1")), seconds=30)
        [reply] = stage.second.replies("C1")
        press = interactions.pressed(stage.slack.state, stage.second.workspace, reply, "stop", "U9")
        press["team"] = {"id": stage.team, "domain": "first"}  # who acts is from there
        stage.slack.courier.deliver("interactive", press)

        async def stopped() -> bool:
            return bool(await here.home.rows("SELECT FROM turns WHERE state = 'stopped'"))

        await until(stopped)
