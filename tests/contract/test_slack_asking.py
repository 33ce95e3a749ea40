"""The shortcut "Ask about this message", on the service and a fake Slack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from assistant.phrases import sentences
from bots.slack.agent.shortcut import CALLBACK, KEPT_UNITS, QUESTION, WORDS
from tests.fakes.slack import FakeSlack, Message, Rates, Schedule, Trouble
from tests.support.house import House, until
from tests.support.slack_account import settled, slack_account

ENGLISH = sentences("en")


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    schedule = Schedule(interactions_again=False)
    async with FakeSlack(schedule=schedule, rates=Rates(enforced=False)) as fake:
        fake.workspace.person("U1", "Ada")
        fake.workspace.person("U2", "Grace")
        fake.workspace.channel("C1")
        yield fake


@pytest.fixture
async def home(slack: FakeSlack, database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with slack_account(slack, database_url, redis_url) as home:
        yield home


async def form_of(slack: FakeSlack, message: Message, user: str = "U1") -> dict[str, Any]:
    """The form that the shortcut opens."""
    await slack.use_shortcut(message, user, CALLBACK).acknowledged.wait()
    await slack.until(lambda: bool(slack.workspace.views))
    return list(slack.workspace.views.values())[-1]


def words(form: dict[str, Any]) -> list[str]:
    return [block["text"]["text"] for block in form["blocks"] if block["type"] == "section"]


async def send(
    slack: FakeSlack, form: dict[str, Any], question: str = "why?", user: str = "U1"
) -> Any:
    """What the form is answered with."""
    value = {"type": "plain_text_input", "value": question}
    sent = slack.submit(form["id"], user, {QUESTION: {WORDS: value}})
    await sent.acknowledged.wait()
    return sent.answer


async def asked(home: House) -> list[str]:
    return [row[0] for row in await home.rows("SELECT text FROM messages ORDER BY id")]


async def test_a_question_about_a_message_is_answered_in_its_thread(
    slack: FakeSlack, home: House
) -> None:
    theirs = slack.write("C1", "U2", "We ship on <!date^1|Friday>.\nAsk <@U1>.")
    form = await form_of(slack, theirs)
    [field] = form["blocks"]
    assert field["element"]["initial_value"] == ENGLISH["ask.default"]
    assert await send(slack, form, "Which Friday?") is None
    await settled(slack, home)
    question, answer = slack.replies("C1")
    assert {question.thread_ts, answer.thread_ts} == {theirs.ts}
    assert question.now.text == "Ada asks: Which Friday?"
    assert answer.now.button("retry") is not None
    quote = "> Grace wrote: We ship on Friday.\n> Ask @Ada."
    assert await asked(home) == [f"{quote}\n\nWhich Friday?"]


async def test_one_in_a_thread_is_answered_in_that_thread(slack: FakeSlack, home: House) -> None:
    root = slack.write("C1", "U2", "shipping")
    inside = slack.write("C1", "U2", "on Friday", thread_ts=root.ts)
    await send(slack, await form_of(slack, inside))
    await settled(slack, home)
    assert {one.thread_ts for one in slack.replies("C1")} == {root.ts}


async def test_a_form_that_comes_twice_makes_one_turn(slack: FakeSlack, home: House) -> None:
    form = await form_of(slack, slack.write("C1", "U2", "hello"))
    await send(slack, form)
    slack.workspace.views[form["id"]] = form
    assert await send(slack, form) is None
    await settled(slack, home)
    assert len(await home.rows("SELECT FROM turns")) == 1
    assert len(slack.replies("C1")) == 2  # one question, one answer


async def test_our_own_answer_is_quoted_as_ours(slack: FakeSlack, home: House) -> None:
    slack.mention("C1", "U2", "hello")
    await settled(slack, home)
    [answer] = slack.replies("C1")
    await send(slack, await form_of(slack, answer))
    await settled(slack, home)
    assert (await asked(home))[-1].startswith("> You wrote: ")


async def test_a_long_message_is_quoted_beyond_what_a_form_can_keep(
    slack: FakeSlack, home: House
) -> None:
    long = '\\"\n' * KEPT_UNITS
    form = await form_of(slack, slack.write("C1", "U2", long))
    assert await send(slack, form) is None
    [text] = await asked(home)
    assert len(text) > 2 * KEPT_UNITS


@pytest.mark.parametrize("kind", ["channel", "group"])
async def test_where_the_bot_is_not_the_form_says_what_to_do(
    slack: FakeSlack, home: House, kind: str
) -> None:
    theirs = slack.write("C1", "U2", "hello")
    channel = slack.workspace.channel("C1")
    channel.has_bot, channel.kind = False, kind
    form = await form_of(slack, theirs)
    assert words(form) == [ENGLISH["ask.not_here"]]
    assert "submit" not in form


async def test_a_bot_that_was_put_out_meanwhile_says_so_and_the_words_are_kept(
    slack: FakeSlack, home: House
) -> None:
    form = await form_of(slack, slack.write("C1", "U2", "hello"))
    slack.workspace.channel("C1").has_bot = False
    answer = await send(slack, form)
    assert answer["response_action"] == "errors"
    assert answer["errors"] == {QUESTION: ENGLISH["ask.not_here"]}
    assert await asked(home) == []


@pytest.mark.parametrize(
    "trouble", [Trouble("internal_error"), Trouble(status=503), Trouble(hang_seconds=10.0)]
)
async def test_a_question_that_slack_does_not_take_can_be_sent_again(
    slack: FakeSlack, home: House, trouble: Trouble
) -> None:
    form = await form_of(slack, slack.write("C1", "U2", "hello"))
    slack.trouble("chat.postMessage", trouble)
    assert (await send(slack, form))["errors"] == {QUESTION: ENGLISH["ask.again"]}
    assert await asked(home) == []
    assert await send(slack, form) is None
    await settled(slack, home)
    assert len(await home.rows("SELECT FROM turns")) == 1


async def test_what_is_said_keeps_the_chats_budget(slack: FakeSlack, home: House) -> None:
    form = await form_of(slack, slack.write("C1", "U2", "hello"))
    slack.trouble("chat.postMessage", Trouble("ratelimited", 429, 60))
    assert (await send(slack, form))["errors"] == {QUESTION: ENGLISH["ask.again"]}
    assert (await send(slack, form))["errors"] == {QUESTION: ENGLISH["ask.again"]}
    assert len(slack.calls_of("chat.postMessage")) == 1  # none is sent inside the pause


async def test_an_empty_question_is_to_be_written(slack: FakeSlack, home: House) -> None:
    form = await form_of(slack, slack.write("C1", "U2", "hello"))
    assert (await send(slack, form, " \n"))["errors"] == {QUESTION: ENGLISH["refused.empty"]}
    assert slack.replies("C1") == []


async def test_nobody_is_called_by_what_is_asked(slack: FakeSlack, home: House) -> None:
    form = await form_of(slack, slack.write("C1", "U2", "hello"))
    await send(slack, form, "<!channel> @here <@U2>?")
    await settled(slack, home)
    assert slack.broadcasts == []
    assert slack.replies("C1")[0].now.calls == []


async def test_a_form_opens_also_while_slack_is_slow_to_say_where_we_are(
    slack: FakeSlack, home: House
) -> None:
    slack.trouble("conversations.replies", Trouble(hang_seconds=30.0))
    form = await form_of(slack, slack.write("C1", "U2", "hello"))
    assert words(form) == []
    assert slack.refusals == []  # its trigger had not run out


async def test_the_form_is_in_the_persons_language(slack: FakeSlack, home: House) -> None:
    slack.workspace.person("U1", locale="de-DE")
    form = await form_of(slack, slack.write("C1", "U2", "hello"))
    german = sentences("de")
    assert form["title"]["text"] == german["ask.title"]
    await send(slack, form)
    assert slack.replies("C1")[0].now.text == "Ada fragt: why?"


@pytest.mark.parametrize("language", ["en", "de", "es", "pt", "id", "ar"])
def test_titles_and_buttons_of_the_form_keep_slacks_limits(language: str) -> None:
    said = sentences(language)
    assert all(len(said[f"ask.{one}"]) <= 24 for one in ("title", "send", "close"))
    assert all(len(said[f"home.{one}"]) <= 30 for one in ("keep", "forget_all"))


async def test_an_outsider_is_told_so_in_the_form(slack: FakeSlack, home: House) -> None:
    slack.outsider("U9", channel="C1")
    form = await form_of(slack, slack.write("C1", "U2", "hello"), "U9")
    assert words(form) == [ENGLISH["refused.outsider"]]


async def test_who_may_not_talk_is_told_how_to_ask_each_time(
    slack: FakeSlack, database_url: str, redis_url: str
) -> None:
    theirs = slack.write("C1", "U2", "hello")
    listed = {"access": "allowlist", "allowlist": ("U2",)}
    async with slack_account(slack, database_url, redis_url, **listed) as home:
        for _ in range(2):
            slack.workspace.views.clear()
            [told] = words(await form_of(slack, theirs))
            assert "add your id, U1," in told
        slack.workspace.views.clear()
        form = await form_of(slack, theirs, "U2")
        answer = await send(slack, form, user="U1")
        assert "add your id, U1," in answer["errors"][QUESTION]
        await until(lambda: slack.courier.idle)
        assert await asked(home) == []
