"""Who may talk to it in Slack, by whichever way they come, and what admins may."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from assistant.accounts import Accounts
from assistant.answering.personas import BUILT_IN
from assistant.phrases import sentences
from bots.slack.settings import SlackSettings
from inference.api import ChatMessage, Prompt, Sampling
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.fakes.slack import FakeSlack, Message, Rates
from tests.support.house import House
from tests.support.slack_account import settled, slack_account

ENGLISH = sentences("en")
ELSEWHERE = "T0ELSEWHERE"


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack(rates=Rates(enforced=False)) as fake:
        for user, name in (("U1", "Ada"), ("U2", "Grace"), ("U3", "Alan")):
            fake.workspace.person(user, name)
            fake.workspace.channel(f"D{user}")
        for channel in ("C1", "C2"):
            fake.workspace.channel(channel)
        fake.workspace.person("U3", is_admin=True)
        yield fake


@pytest.fixture
async def home(slack: FakeSlack, database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with slack_account(slack, database_url, redis_url) as home:
        yield home


async def asked(home: House) -> list[str]:
    return [row[0] for row in await home.rows("SELECT text FROM messages ORDER BY id")]


async def said(slack: FakeSlack, chat: str, count: int) -> list[str]:
    """All that was said there, once so much is."""
    await slack.until(lambda: len(slack.replies(chat)) == count)
    return [one.now.text for one in slack.replies(chat)]


async def ordered(slack: FakeSlack, channel: str, user: str, text: str) -> str:
    """What a slash command is answered with."""
    order = slack.command(channel, user, "/outrider", text)
    await order.acknowledged.wait()
    return str((order.answer or {}).get("text", ""))


# --- the list


async def test_everybody_of_the_workspace_may_at_first(slack: FakeSlack, home: House) -> None:
    slack.dm("U1", "hello")
    slack.mention("C1", "U2", "hello there")
    await settled(slack, home)
    assert sorted(await asked(home)) == ["hello", "hello there"]


@pytest.mark.parametrize(
    ("listed", "heard"),
    [
        ("U1", {"Ada in D", "Ada in C1", "Ada in C2"}),
        ("C1", {"Ada in C1", "Grace in C1"}),
        ("T0FAKE", {"Ada in D", "Ada in C1", "Ada in C2", "Grace in C1", "Grace in D"}),
        (ELSEWHERE, set()),
    ],
)
async def test_a_list_names_people_channels_and_workspaces(
    slack: FakeSlack, database_url: str, redis_url: str, listed: str, heard: set[str]
) -> None:
    given = {"access": "allowlist", "allowlist": (listed,)}
    async with slack_account(slack, database_url, redis_url, **given) as home:
        slack.dm("U1", "Ada in D")
        slack.dm("U2", "Grace in D")
        slack.mention("C1", "U1", "Ada in C1")
        slack.mention("C1", "U2", "Grace in C1")
        slack.mention("C2", "U1", "Ada in C2")
        await settled(slack, home)
        assert set(await asked(home)) == heard


@pytest.mark.parametrize(("listed", "heard"), [("T0FAKE", []), (ELSEWHERE, ["hello"])])
async def test_a_workspace_on_the_list_lets_in_its_own_people_alone(
    slack: FakeSlack, database_url: str, redis_url: str, listed: str, heard: list[str]
) -> None:
    given = {"access": "allowlist", "allowlist": (listed,), "outsiders": True}
    async with slack_account(slack, database_url, redis_url, **given) as home:
        slack.outsider("U9", ELSEWHERE, "C1")
        slack.mention("C1", "U9", "hello")
        await settled(slack, home)
        assert await asked(home) == heard


async def test_a_list_lets_no_outsider_in_by_itself(
    slack: FakeSlack, database_url: str, redis_url: str
) -> None:
    given = {"access": "allowlist", "allowlist": ("U9", ELSEWHERE, "C1")}
    async with slack_account(slack, database_url, redis_url, **given) as home:
        slack.outsider("U9", ELSEWHERE, "C1")
        slack.mention("C1", "U9", "hello")
        [told] = await said(slack, "C1", 1)
        assert told == ENGLISH["refused.outsider"]
        assert await asked(home) == []


async def test_a_refusal_says_how_to_ask_by_whichever_way_one_comes(
    slack: FakeSlack, database_url: str, redis_url: str
) -> None:
    given = {"access": "allowlist", "allowlist": ("U2",)}
    why = ENGLISH["refused.allowlist"].format(id="U1")
    async with slack_account(slack, database_url, redis_url, **given) as home:
        slack.dm("U1", "hello")
        slack.dm("U1", "!help")
        slack.share("DU1", "U1", slack.file("notes.txt", b"hello"))
        assert await said(slack, "DU1", 3) == [why] * 3
        for _ in range(2):  # seen by them alone, so it is said each time, in a channel too
            assert await ordered(slack, "C1", "U1", "help") == why
            assert await ordered(slack, "C1", "U1", "new") == why
        slack.mention("C1", "U2", "hello")
        await settled(slack, home)
        [answer] = slack.replies("C1")
        await slack.press(answer, "U1", "retry").acknowledged.wait()
        await slack.until(lambda: len(slack.workspace.ephemerals) == 5)  # with those before
        assert {one.version.text for one in slack.workspace.ephemerals} == {why}
        slack.open_home("U1")
        await slack.until(lambda: "U1" in slack.workspace.homes)
        [block] = slack.workspace.homes["U1"]["blocks"]
        assert block["text"]["text"] == why
        assert await asked(home) == ["hello"]


async def test_in_a_channel_a_stranger_is_told_once_whatever_they_send(
    slack: FakeSlack, database_url: str, redis_url: str
) -> None:
    given = {"access": "allowlist", "allowlist": ("U2",)}
    async with slack_account(slack, database_url, redis_url, **given) as home:
        slack.share("C1", "U1", slack.file("notes.txt", b"hello"), text="<@U0BOT>")
        await said(slack, "C1", 1)
        slack.mention("C1", "U1", "hello")
        slack.mention("C1", "U1", "!help")
        await settled(slack, home)
        slack.mention("C1", "U2", "hello")
        await settled(slack, home)
        strangers, answer = slack.replies("C1")
        assert "add your id, U1," in strangers.now.text
        assert answer.now.button("retry") is not None


async def test_an_edit_of_a_strangers_is_no_way_in(
    slack: FakeSlack, database_url: str, redis_url: str
) -> None:
    given = {"access": "allowlist", "allowlist": ("T0FAKE",), "outsiders": True}
    async with slack_account(slack, database_url, redis_url, **given) as home:
        slack.outsider("U9", ELSEWHERE, "C1")
        theirs = slack.write("C1", "U9", "hello")
        slack.edit(theirs, "<@U0BOT> hello")
        ours = slack.dm("U1", "first")
        await settled(slack, home)
        slack.edit(ours, "second")
        await settled(slack, home)
        assert await asked(home) == ["second"]


async def test_the_agent_pane_suggests_nothing_to_a_stranger(
    slack: FakeSlack, database_url: str, redis_url: str
) -> None:
    given = {"access": "allowlist", "allowlist": ("U2",)}
    async with slack_account(slack, database_url, redis_url, **given):
        slack.open_home("U1", "messages")
        root = slack.open_assistant("U1")
        slack.open_home("U2", "messages")
        await slack.until(lambda: ("DU2", "") in slack.workspace.prompts)
        [_, told] = await said(slack, "DU1", 2)
        assert "add your id, U1," in told
        assert slack.workspace.prompts.keys() == {("DU2", "")}
        assert slack.replies("DU1")[1].thread_ts == root.ts


async def test_an_outsider_gives_no_slash_command(slack: FakeSlack, home: House) -> None:
    order = slack.command("C1", "U1", "/outrider", "usage")
    order.body["team_id"] = ELSEWHERE
    await order.acknowledged.wait()
    assert order.answer["text"] == ENGLISH["refused.outsider"]


@pytest.mark.parametrize("value", [["U1", "C2"], "U1, C2", "U1 C2", ("U1", "C2")])
def test_a_list_may_be_written_as_people_write_lists(value: Any) -> None:
    assert SlackSettings(allowlist=value).allowlist == ("U1", "C2")


@pytest.mark.parametrize("value", ["@ada", "#general", "u1", "general"])
def test_what_is_no_id_of_slacks_is_refused_in_words(value: str) -> None:
    with pytest.raises(ValidationError, match="no id of Slack's"):
        SlackSettings(allowlist=(value,))


# --- pairing


async def stranger_asks(slack: FakeSlack) -> str:
    """The code that a stranger is given."""
    slack.dm("U1", "hello")
    [told] = await said(slack, "DU1", 1)
    assert "!pair" in told and "outrider pair" not in told
    return told.split()[-1]


async def test_an_admin_lets_a_stranger_in_from_slack(
    slack: FakeSlack, database_url: str, redis_url: str
) -> None:
    async with slack_account(slack, database_url, redis_url, access="pairing") as home:
        code = await stranger_asks(slack)
        assert "!pair – " in await ordered(slack, "DU3", "U3", "help")
        slack.dm("U3", f"!pair {code.lower()}")  # who is an admin needs no code
        assert await said(slack, "DU3", 1) == ["Ada may talk to me now."]
        slack.dm("U1", "hello again")
        await settled(slack, home)
        assert await asked(home) == ["hello again"]
        assert await ordered(slack, "DU3", "U3", f"pair {code}") == ENGLISH["pair.unknown"]


async def test_nobody_else_lets_anybody_in(
    slack: FakeSlack, database_url: str, redis_url: str
) -> None:
    async with slack_account(slack, database_url, redis_url, access="pairing") as home:
        code = await stranger_asks(slack)
        slack.dm("U1", f"!pair {code}")
        assert (await said(slack, "DU1", 2))[1].endswith(code)  # refused like any order
        await home.rows("UPDATE identities SET access = 'allowed' RETURNING id")
        slack.dm("U2", "hello")
        [told] = await said(slack, "DU2", 1)
        answer = await ordered(slack, "DU1", "U1", f"pair {told.split()[-1]}")
        assert answer == ENGLISH["pair.admins_only"]
        waiting = await home.rows("SELECT platform_id FROM identities WHERE access = 'pending'")
        assert [row[0] for row in waiting] == ["U2"]


async def test_an_admin_of_another_workspace_is_none_here(
    slack: FakeSlack, database_url: str, redis_url: str
) -> None:
    given = {"access": "pairing", "outsiders": True}
    async with slack_account(slack, database_url, redis_url, **given):
        code = await stranger_asks(slack)
        slack.outsider("U9", ELSEWHERE, "C1")
        slack.workspace.person("U9", is_owner=True)
        slack.mention("C1", "U9", f"!pair {code}")
        [told] = await said(slack, "C1", 1)
        assert "!pair" in told and code not in told  # a code of their own


async def test_a_code_of_another_account_opens_nothing(
    slack: FakeSlack, database_url: str, redis_url: str
) -> None:
    async with slack_account(slack, database_url, redis_url, access="pairing") as home:
        elsewhere = await Accounts(home.database).register("telegram", "other", access="pairing")
        await home.rows(
            "WITH person AS (INSERT INTO persons (name) VALUES ('Eve') RETURNING id)"
            " INSERT INTO identities (person_id, account_id, platform_id, name, pairing_code)"
            " SELECT id, %(account)s, '7', 'Eve', 'ABCDEFGH' FROM person RETURNING id",
            {"account": elsewhere.id},
        )
        assert await ordered(slack, "DU3", "U3", "pair ABCDEFGH") == ENGLISH["pair.unknown"]
        assert await home.rows("SELECT FROM identities WHERE access = 'allowed'") == []


async def test_codes_are_for_direct_messages(slack: FakeSlack, home: House) -> None:
    assert await ordered(slack, "C1", "U3", "pair ABC") == ENGLISH["pair.private_only"]


async def test_a_blocked_admin_stays_out(
    slack: FakeSlack, database_url: str, redis_url: str
) -> None:
    async with slack_account(slack, database_url, redis_url, access="pairing") as home:
        slack.dm("U3", "hello")
        await settled(slack, home)
        await home.rows("UPDATE identities SET access = 'blocked' RETURNING id")
        assert await ordered(slack, "DU3", "U3", "help") == ENGLISH["refused.blocked"]


# --- admins


class Told(ScriptedEngine):
    """Keeps what it was told. A trace counts tokens of pieces, which are told to nobody."""

    async def render(
        self, messages: Sequence[ChatMessage], sampling: Sampling | None = None
    ) -> Prompt:
        if messages[0].role == "system":
            self.system = messages[0].content
        return await super().render(messages, sampling)

    @property
    def personas(self) -> set[str]:
        return {name for name, words in BUILT_IN.items() if words in self.system}


@pytest.fixture
def model() -> Told:
    return Told(ScriptedSettings(tokens_per_second=2000.0, answer_tokens=12))


@pytest.fixture
async def told(
    slack: FakeSlack, model: Told, database_url: str, redis_url: str
) -> AsyncIterator[House]:
    async with slack_account(slack, database_url, redis_url, engine=model) as home:
        yield home


async def asks(slack: FakeSlack, home: House, channel: str, thread: str = "") -> Message:
    message = slack.mention(channel, "U1", "hello", thread_ts=thread)
    await settled(slack, home)
    return message


async def test_an_admin_alone_chooses_the_persona_of_a_channel(
    slack: FakeSlack, told: House, model: Told
) -> None:
    refused = await ordered(slack, "C1", "U1", "persona brief")
    assert "is for an admin" in refused and "!persona brief" in refused
    await asks(slack, told, "C1")
    assert model.personas == set()
    slack.mention("C1", "U1", "!persona brief")  # outside of a thread it is the same order
    await slack.until(lambda: len(slack.replies("C1")) == 2)
    await asks(slack, told, "C1")
    assert model.personas == set()
    assert "in this whole chat" in await ordered(slack, "C1", "U3", "persona brief")
    await asks(slack, told, "C1")
    assert model.personas == {"brief"}
    await asks(slack, told, "C2")
    assert model.personas == set()


async def test_whoever_takes_part_chooses_the_persona_of_a_thread(
    slack: FakeSlack, told: House, model: Told
) -> None:
    await ordered(slack, "C1", "U3", "persona brief")
    root = await asks(slack, told, "C1")
    slack.mention("C1", "U2", "!persona teacher", thread_ts=root.ts)
    await slack.until(lambda: len(slack.replies("C1")) == 2)
    await asks(slack, told, "C1", root.ts)
    assert model.personas == {"teacher"}
    slack.mention("C1", "U2", "!persona default", thread_ts=root.ts)
    await slack.until(lambda: len(slack.replies("C1")) == 4)
    await asks(slack, told, "C1", root.ts)
    assert model.personas == set()
    await asks(slack, told, "C1")
    assert model.personas == {"brief"}


async def test_words_are_forgotten_for_who_wrote_them_or_an_admin(
    slack: FakeSlack, home: House
) -> None:
    root = slack.mention("C1", "U1", "a secret")
    await settled(slack, home)
    slack.mention("C1", "U2", "!forget", thread_ts=root.ts)
    assert (await said(slack, "C1", 2))[1] == ENGLISH["forget.not_yours"]
    assert await asked(home) == ["a secret"]
    slack.mention("C1", "U3", "!forget", thread_ts=root.ts)
    await slack.until(lambda: ENGLISH["forget.done"] in [m.now.text for m in slack.replies("C1")])
    assert await asked(home) == [""]


async def test_stop_and_retry_in_a_thread_are_for_whoever_may_talk_there(
    slack: FakeSlack, home: House
) -> None:
    slack.mention("C1", "U1", "hello")
    await settled(slack, home)
    [answer] = slack.replies("C1")
    await slack.press(answer, "U2", "retry").acknowledged.wait()
    await settled(slack, home)
    assert len(await home.rows("SELECT FROM turns")) == 2
