"""A post whose answer was lost is found again on Slack by what it carries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from pydantic import SecretStr
from slack_sdk.web.async_client import AsyncWebClient

from assistant.channel import Look, Placeholder
from assistant.errors import PlatformUnavailable, RateLimited, SendOutcomeUnknown
from assistant.messages import ChatRef
from bots.slack.channel import SlackChannel
from bots.slack.client import web_client
from bots.slack.metadata import EVENT_TYPE
from bots.slack.settings import SlackSettings
from tests.fakes.slack import FakeSlack, Rates, Trouble

DM = ChatRef("slack", "default", "DU1")


@dataclass
class Slack:
    fake: FakeSlack
    client: AsyncWebClient
    channel: SlackChannel

    async def lose(self, chat: ChatRef, key: str, reply_to: str) -> str:
        """Post, and get no answer; returns the id that nobody was told."""
        self.fake.trouble("chat.postMessage", Trouble(then_lose=True))
        with pytest.raises(SendOutcomeUnknown):
            await self.channel.post(chat, Placeholder(7, key, reply_to))
        return self.fake.replies(chat.chat_id)[-1].ts


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with FakeSlack(rates=Rates(enforced=False)) as fake:
        settings = SlackSettings(bot_token=SecretStr(fake.bot_token), base_url=fake.url)
        async with web_client(settings) as client:
            fake.workspace.channel("DU1")
            yield Slack(fake, client, SlackChannel(client))


async def test_a_lost_post_is_found_in_a_direct_message(slack: Slack) -> None:
    question = slack.fake.dm("U1", "hello")
    ts = await slack.lose(DM, "7.0", question.ts)
    slack.fake.dm("U1", "are you there?")
    assert await slack.channel.find(DM, "7.0", reply_to=question.ts) == ts


async def test_a_lost_post_is_found_in_its_thread(slack: Slack) -> None:
    root = slack.fake.mention("C1", "U1", "hello")
    question = slack.fake.mention("C1", "U1", "and this?", thread_ts=root.ts)
    slack.fake.write("C1", "U2", "elsewhere")
    thread = ChatRef("slack", "default", "C1", root.ts, "group")
    ts = await slack.lose(thread, "7.0", question.ts)
    assert await slack.channel.find(thread, "7.0", reply_to=question.ts) == ts
    other = ChatRef("slack", "default", "C1", slack.fake.mention("C1", "U1", "x").ts, "group")
    assert await slack.channel.find(other, "7.0", reply_to=other.thread_id) == ""


async def test_it_is_found_after_it_was_edited(slack: Slack) -> None:
    question = slack.fake.dm("U1", "hello")
    ts = await slack.lose(DM, "7.0", question.ts)
    await slack.channel.edit(DM, ts, Look("Hello!", 7, final=True))
    assert await slack.channel.find(DM, "7.0", reply_to=question.ts) == ts


async def test_each_of_a_replys_messages_is_found_by_its_own_key(slack: Slack) -> None:
    question = slack.fake.dm("U1", "hello")
    posts = {key: await slack.lose(DM, key, question.ts) for key in ("7.0", "7.1", "71.0")}
    for key, ts in posts.items():
        assert await slack.channel.find(DM, key, reply_to=question.ts) == ts


@pytest.mark.parametrize("in_thread", [False, True])
async def test_it_is_found_however_many_pages_back(slack: Slack, in_thread: bool) -> None:
    question = slack.fake.mention("C1", "U1", "hello") if in_thread else slack.fake.dm("U1", "hi")
    thread = question.ts if in_thread else ""
    chat = ChatRef(
        "slack", "default", question.channel, thread, "group" if in_thread else "private"
    )
    for number in range(4):
        slack.fake.write(question.channel, "U2", f"before {number}", thread_ts=thread)
    ts = await slack.lose(chat, "7.0", question.ts)
    for number in range(4):
        slack.fake.write(question.channel, "U2", f"after {number}", thread_ts=thread)
    slack.fake.give_at_once(2)
    assert await slack.channel.find(chat, "7.0", reply_to=question.ts) == ts
    method = "conversations.replies" if in_thread else "conversations.history"
    assert len(slack.fake.calls_of(method)) >= 3


async def test_more_messages_than_slack_gives_at_once_are_read(slack: Slack) -> None:
    question = slack.fake.dm("U1", "hello")
    ts = await slack.lose(DM, "7.0", question.ts)
    for number in range(201):
        slack.fake.dm("U1", str(number))
    assert await slack.channel.find(DM, "7.0", reply_to=question.ts) == ts


async def test_what_was_never_posted_is_certainly_not_there(slack: Slack) -> None:
    question = slack.fake.dm("U1", "hello")
    slack.fake.dm("U1", "7.0")
    await slack.channel.post(DM, Placeholder(6, "6.0", question.ts))
    assert await slack.channel.find(DM, "7.0", reply_to=question.ts) == ""


async def test_what_was_deleted_is_not_there(slack: Slack) -> None:
    question = slack.fake.dm("U1", "hello")
    await slack.channel.delete(DM, await slack.lose(DM, "7.0", question.ts))
    assert await slack.channel.find(DM, "7.0", reply_to=question.ts) == ""


async def test_a_thread_that_was_deleted_has_nothing_in_it(slack: Slack) -> None:
    root = slack.fake.mention("C1", "U1", "hello")
    thread = ChatRef("slack", "default", "C1", root.ts, "group")
    slack.fake.delete(root)
    assert await slack.channel.find(thread, "7.0", reply_to=root.ts) == ""


async def test_another_bots_message_with_the_same_key_is_not_taken(slack: Slack) -> None:
    question = slack.fake.dm("U1", "hello")
    copied = {"event_type": EVENT_TYPE, "event_payload": {"reply": "7.0"}}
    slack.fake.bot_writes("DU1", "mine", copied)
    slack.fake.bot_writes("DU1", "mine", {"event_type": "x", "event_payload": {"reply": "7.0"}})
    assert await slack.channel.find(DM, "7.0", reply_to=question.ts) == ""


async def test_nothing_before_the_question_is_read(slack: Slack) -> None:
    """A key may come again where the database began anew; the time of a message doesn't."""
    earlier = slack.fake.dm("U1", "hello")
    await slack.channel.post(DM, Placeholder(7, "7.0", earlier.ts))
    question = slack.fake.dm("U1", "hello again")
    assert await slack.channel.find(DM, "7.0", reply_to=question.ts) == ""
    [call] = slack.fake.calls_of("conversations.history")
    assert call.arguments["oldest"] == question.ts


@pytest.mark.parametrize("code", ["missing_scope", "not_in_channel", "channel_not_found"])
async def test_where_slack_does_not_let_us_read_it_cant_be_known(slack: Slack, code: str) -> None:
    question = slack.fake.dm("U1", "hello")
    await slack.lose(DM, "7.0", question.ts)
    slack.fake.trouble("conversations.history", Trouble(code))
    assert await slack.channel.find(DM, "7.0", reply_to=question.ts) is None


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (Trouble(status=502), PlatformUnavailable),
        (Trouble("internal_error"), PlatformUnavailable),
        (Trouble(status=200), PlatformUnavailable),  # a page of somebody's proxy
        (Trouble("ratelimited", 429, 9), RateLimited),
    ],
)
async def test_a_page_that_is_not_read_is_never_taken_for_an_empty_one(
    slack: Slack, trouble: Trouble, error: type[Exception]
) -> None:
    question = slack.fake.dm("U1", "hello")
    ts = await slack.lose(DM, "7.0", question.ts)
    slack.fake.trouble("conversations.history", trouble)
    with pytest.raises(error):
        await slack.channel.find(DM, "7.0", reply_to=question.ts)
    assert await slack.channel.find(DM, "7.0", reply_to=question.ts) == ts
