"""What people pass on and quote in Slack, and the threads that they call the assistant into."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from tests.fakes.slack import Rates, Trouble
from tests.support.listening_slack import Slack, slack_with


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with slack_with(Rates(enforced=False)) as made:
        yield made


# --- what is passed on, and quoted


async def test_a_forwarded_message_is_quoted_with_who_wrote_it(slack: Slack) -> None:
    slack.fake.workspace.person("U2", "Grace Hopper")
    original = slack.fake.write("C1", "U2", "We ship on Friday.\n!stop &amp; <@U2> rests")
    async with slack.listening():
        slack.fake.forward(original, "DU1", "U1", "Is that wise?")
        slack.fake.forward(original, "DU1", "U1")
        await slack.taken()
    passed_on = "Forwarded from Grace Hopper:\n> We ship on Friday.\n> !stop & @Grace Hopper rests"
    assert [one.text for one in slack.assistant.accepted] == [
        f"{passed_on}\n\nIs that wise?",
        passed_on,
    ]


async def test_a_forwarded_file_is_read(slack: Slack) -> None:
    notes = slack.fake.file("notes.txt", b"apples")
    original = slack.fake.share("C1", "U2", notes, text="see here")
    async with slack.listening():
        slack.fake.forward(original, "DU1", "U1", "What is it?")
        await slack.taken()
    [message] = slack.assistant.accepted
    assert message.text.splitlines()[1:3] == ["> see here", "> [A file named notes.txt]"]
    assert [one.data for one in message.attachments] == [b"apples"]


async def test_a_forward_behind_a_bare_mention_is_a_question(slack: Slack) -> None:
    original = slack.fake.write("C2", "U2", "We ship on Friday.")
    async with slack.listening():
        slack.fake.forward(original, "C1", "U1", "<@U0BOT>")
        await slack.taken()
    assert [one.text for one in slack.assistant.accepted] == [
        "Forwarded from U2:\n> We ship on Friday."
    ]
    assert slack.assistant.commands == []


async def test_a_message_that_a_link_shows_is_asked_about_a_page_is_not(slack: Slack) -> None:
    original = slack.fake.write("C1", "U2", "We ship on Friday.")
    async with slack.listening():
        page = slack.fake.dm("U1", "see <https://example.com>")
        slack.fake.unfurl(page)
        linked = slack.fake.dm("U1", "see <https://fake.slack.com/archives/C1/p1>")
        shown = {"is_msg_unfurl": True, "author_name": "Grace", "text": original.now.text}
        slack.fake.unfurl(linked, shown)
        await slack.taken()
    [edited] = slack.assistant.edited
    assert edited.message_id == linked.ts
    assert edited.text == (
        "Forwarded from Grace:\n> We ship on Friday.\n\nsee https://fake.slack.com/archives/C1/p1"
    )


async def test_what_a_person_quotes_stays_a_quote(slack: Slack) -> None:
    async with slack.listening():
        slack.fake.dm("U1", "&gt; We ship on Friday.\nIs that wise?")
        await slack.taken()
    assert [one.text for one in slack.assistant.accepted] == ["> We ship on Friday.\nIs that wise?"]


# --- threads that we are called into


def before(slack: Slack, number: int = -1) -> str | None:
    """What was said before a message, as it is handed over with it."""
    message = slack.assistant.accepted[number]
    said = [one.data for one in message.attachments if one.kind == "thread"]
    return said[0].decode() if said and said[0] is not None else None


async def test_a_thread_is_read_at_the_first_mention_with_who_said_what(slack: Slack) -> None:
    fake = slack.fake
    fake.workspace.person("U1", "Ada Lovelace")
    fake.workspace.person("U2", "Grace Hopper")
    root = fake.write("C1", "U1", "We ship on <https://x.example|Friday>.")
    fake.write("C1", "U2", "<@U1> On Monday.\n&gt; sure?", thread_ts=root.ts)
    fake.write("C1", "U2", "elsewhere")
    async with slack.listening():
        fake.mention("C1", "U2", "When do we ship?", thread_ts=root.ts)
        await slack.taken()
        fake.mention("C1", "U1", "And why?", thread_ts=root.ts)
        await slack.taken()
    assert before(slack, 0) == (
        "> Ada Lovelace wrote: We ship on Friday (https://x.example).\n"
        "> Grace Hopper wrote: @Ada Lovelace On Monday.\n"
        "> > sure?"
    )
    assert slack.assistant.accepted[0].text == "When do we ship?"
    assert before(slack, 1) is None
    assert len(fake.calls_of("conversations.replies")) == 1


async def test_joins_are_no_part_of_a_thread_and_the_alert_it_is_about_is(slack: Slack) -> None:
    fake = slack.fake
    alert = fake.bot_writes("C1", "", {})
    alert.attachments = [{"title": "Disk full", "fields": [{"title": "Host", "value": "db-1"}]}]
    joined = fake.join("C1", "U3")
    joined.thread_ts = alert.ts
    fake.write("C1", "U1", "Again?", thread_ts=alert.ts)
    async with slack.listening():
        fake.mention("C1", "U1", "What now?", thread_ts=alert.ts)
        await slack.taken()
    assert before(slack) == ("> U0OTHER wrote: Disk full\n> Host: db-1\n> U1 wrote: Again?")


async def test_of_a_long_thread_the_first_message_and_the_newest_are_read(slack: Slack) -> None:
    fake = slack.fake
    root = fake.write("C1", "U1", "root")
    for number in range(250):
        fake.write("C1", "U1", f"number {number}", thread_ts=root.ts)
    async with slack.listening():
        fake.mention("C1", "U1", "Which?", thread_ts=root.ts)
        await slack.taken()
    first, *rest = (before(slack) or "").splitlines()
    assert first == "> U1 wrote: root"
    assert rest == [f"> U1 wrote: number {n}" for n in range(250 - len(rest), 250)]
    assert len(rest) == 99


async def test_the_files_of_a_thread_are_read_too(slack: Slack) -> None:
    fake = slack.fake
    root = fake.share("C1", "U1", fake.file("notes.txt", b"apples"), text="see here")
    async with slack.listening():
        fake.mention("C1", "U2", "What is it?", thread_ts=root.ts)
        await slack.taken()
    assert before(slack) == "> U1 wrote: see here [A file named notes.txt]"
    assert [one.data for one in slack.files if one.kind == "text"] == [b"apples"]


@pytest.mark.parametrize("where", ["a new thread", "a direct message"])
async def test_where_nothing_is_unheard_nothing_is_read(slack: Slack, where: str) -> None:
    fake = slack.fake
    async with slack.listening():
        if where == "a new thread":
            fake.mention("C1", "U1", "hello")
        else:
            fake.dm("U1", "hello", thread_ts="1.1")
        await slack.taken()
    assert fake.calls_of("conversations.replies") == []
    assert before(slack) is None


async def test_after_a_quiet_time_what_was_said_meanwhile_is_read(slack: Slack) -> None:
    fake = slack.fake
    root = fake.write("C1", "U1", "root")
    async with slack.listening():
        fake.mention("C1", "U1", "hello", thread_ts=root.ts)
        await slack.taken()
        chat = slack.assistant.accepted[0].chat
        await slack.channel.say(chat, "our answer")
        slack.assistant.quiet.add(chat)
        fake.write("C1", "U2", "among ourselves", thread_ts=root.ts)
        fake.mention("C1", "U2", "and you?", thread_ts=root.ts)
        await slack.taken()
    assert before(slack, 1) == "> U2 wrote: among ourselves"


async def test_a_mention_that_an_edit_adds_brings_the_thread_along(slack: Slack) -> None:
    fake = slack.fake
    root = fake.write("C1", "U1", "We ship on Friday.")
    async with slack.listening():
        asked = fake.write("C1", "U2", "When?", thread_ts=root.ts)
        await slack.taken()
        fake.edit(asked, "<@U0BOT> When?")
        await slack.taken()
    assert before(slack) == "> U1 wrote: We ship on Friday."


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (Trouble("missing_scope"), "credentials_refused"),
        (Trouble("ratelimited", 429, retry_after=60), "rate_limited"),
        (Trouble(hang_seconds=2.0), "timeout"),
    ],
)
async def test_a_thread_that_cant_be_read_in_time_is_answered_without(
    slack: Slack, trouble: Trouble, reason: str
) -> None:
    root = slack.fake.write("C1", "U1", "We ship on Friday.")
    slack.fake.trouble("conversations.replies", trouble)
    with capture_logs() as logs:
        async with slack.listening():
            slack.fake.mention("C1", "U1", "When?", thread_ts=root.ts)
            await slack.taken()
    assert [one.text for one in slack.assistant.accepted] == ["When?"]
    assert before(slack) is None
    assert [log["reason"] for log in logs if log["event"] == "thread_not_read"] == [reason]
    assert {delivery.attempts for delivery in slack.fake.deliveries} == {1}


async def test_an_app_that_may_read_once_a_minute_asks_no_more_often() -> None:
    async with slack_with(Rates(unlisted=True)) as slack:
        roots = [slack.fake.write("C1", "U1", f"root {number}") for number in range(3)]
        async with slack.listening():
            for root in roots:
                slack.fake.mention("C1", "U1", "When?", thread_ts=root.ts)
                await slack.taken()
    assert [before(slack, n) for n in range(3)] == ["> U1 wrote: root 0", None, None]
    assert len(slack.fake.calls_of("conversations.replies")) == 2


async def test_another_bot_brings_neither_files_nor_threads(slack: Slack) -> None:
    root = slack.fake.write("C1", "U1", "We ship on Friday.")
    async with slack.listening():
        slack.fake.other_bot_says("C1", "<@U0BOT> When?", thread_ts=root.ts)
        await slack.taken()
    assert [one.attachments for one in slack.assistant.accepted] == [()]
    assert slack.fake.calls_of("conversations.replies") == []
