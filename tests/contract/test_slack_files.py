"""Files that people send in Slack: fetched from its own hosts, in time, and told of where not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from fastapi import FastAPI
from pydantic import SecretStr
from structlog.testing import capture_logs

from assistant.phrases import Phrase, say
from bots.slack.http import router
from bots.slack.inbox import SlackInbox
from bots.slack.reading.files import FILES_AT_ONCE
from tests.fakes.slack import FakeSlack, Rates, Trouble
from tests.support.listening_slack import IMPATIENT, NOT_FETCHED, Slack, slack_with
from tests.support.pdfs import pdf
from tests.support.pictures import png
from tests.support.serving import serving


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with slack_with(Rates(enforced=False)) as made:
        yield made


@pytest.fixture
async def stranger() -> AsyncIterator[tuple[str, list[str]]]:
    """A server that is none of Slack's: its address, and the tokens that it was sent."""
    tokens: list[str] = []

    async def take(request: web.Request) -> web.Response:
        tokens.append(request.headers.get("authorization", ""))
        return web.Response(body=b"a stranger's words", content_type="text/plain")

    app = web.Application()
    app.router.add_get("/{path:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", tokens
    await runner.cleanup()


# --- files


async def test_a_text_file_is_fetched_with_the_bots_token(slack: Slack) -> None:
    notes = slack.fake.file("notes.md", b"apples are red", "text/plain")
    async with slack.listening():
        slack.fake.share("DU1", "U1", notes, text="What colour?")
        await slack.taken()
    [file] = slack.files
    assert (file.kind, file.name, file.data) == ("text", "notes.md", b"apples are red")
    assert slack.assistant.accepted[0].text == "What colour?"
    assert slack.fake.file_host.fetched == [(notes.id, True)]


async def test_a_snippet_is_a_text_whatever_its_language(slack: Slack) -> None:
    snippet = slack.fake.file("Untitled", b"10 PRINT", "application/x-basic", mode="snippet")
    async with slack.listening():
        slack.fake.share("DU1", "U1", snippet, text="What does it do?")
        await slack.taken()
    assert [(one.kind, one.data) for one in slack.files] == [("text", b"10 PRINT")]


async def test_a_picture_and_a_pdf_come_in_one_turn(slack: Slack) -> None:
    picture = slack.fake.file("cat.png", png(4, 3), "image/png")
    paper = slack.fake.file("paper.pdf", pdf("Herons are grey."), "application/pdf")
    async with slack.listening():
        slack.fake.share("DU1", "U1", picture, paper)
        await slack.fake.until(lambda: bool(slack.assistant.accepted))
        await slack.taken()
        await slack.fake.until(lambda: not late(slack) or bool(slack.assistant.completed))
    [message] = slack.assistant.completed or slack.assistant.accepted
    assert [one.kind for one in message.attachments] == ["image", "text"]
    assert message.attachments[0].data == png(4, 3)
    assert message.attachments[1].data == b"Herons are grey."


def late(slack: Slack) -> bool:
    return any(one.awaited for message in slack.assistant.accepted for one in message.attachments)


async def test_many_files_keep_their_order_and_few_are_fetched_at_once(slack: Slack) -> None:
    files = [slack.fake.file(f"{n}.txt", str(n).encode()) for n in range(9)]
    for one in files:
        one.slow_seconds = 0.1
    async with slack.listening():
        slack.fake.share("DU1", "U1", *files)
        await slack.taken()
    assert [one.data for one in slack.files] == [str(n).encode() for n in range(9)]
    assert slack.fake.file_host.most_at_once == FILES_AT_ONCE


async def test_the_twins_of_a_mention_fetch_its_file_once(slack: Slack) -> None:
    notes = slack.fake.file("notes.txt", b"apples")
    async with slack.listening():
        slack.fake.share("C1", "U1", notes, text="<@U0BOT> what is it?")
        await slack.taken()
    assert [one.data for one in slack.files] == [b"apples"]
    assert len(slack.fake.deliveries) == 2
    assert slack.fake.file_host.fetched == [(notes.id, True)]


async def test_twins_that_come_side_by_side_fetch_its_file_once(slack: Slack) -> None:
    inbox = SlackInbox(slack.assistant, slack.channel, slack.client, slack.people)
    app = FastAPI()
    app.include_router(router(inbox, SecretStr(FakeSlack.signing_secret)))
    notes = slack.fake.file("notes.txt", b"apples")
    notes.slow_seconds = 0.2
    async with serving(app) as url:
        await slack.fake.subscribe(f"{url}/webhooks/slack")
        slack.fake.share("C1", "U1", notes, text="<@U0BOT> what is it?")
        await slack.taken()
    assert [delivery.statuses for delivery in slack.fake.deliveries] == [[200], [200]]
    assert [one.data for one in slack.files] == [b"apples"]
    assert slack.fake.file_host.fetched == [(notes.id, True)]


async def test_nothing_of_a_channel_is_fetched_that_is_not_addressed_to_us(slack: Slack) -> None:
    async with slack.listening():
        slack.fake.share("C1", "U1", slack.fake.file("notes.txt", b"apples"), text="for Ada")
        await slack.taken()
    assert slack.fake.file_host.fetched == []
    assert slack.assistant.accepted == []


def clip(fake: FakeSlack) -> Any:
    return fake.file("clip.mp4", b"moving", "video/mp4")


def drive(fake: FakeSlack) -> Any:
    return fake.file("Plan", b"", "application/vnd.google-apps.document", mode="external")


def old(fake: FakeSlack) -> Any:
    return fake.file("old.txt", b"long ago", mode="hidden_by_limit")


def archive(fake: FakeSlack) -> Any:
    return fake.file("all.zip", b"PK", "application/zip")


def huge(fake: FakeSlack) -> Any:
    made = fake.file("huge.txt", b"x")
    made.more = {"size": 50_000_000}
    return made


CANT_BE_TAKEN = [
    (clip, "content.video"),
    (drive, "content.document"),
    (old, "content.not_fetched"),
    (archive, "content.document"),
    (huge, "content.text_too_big"),
]


@pytest.mark.parametrize(("make", "key"), CANT_BE_TAKEN)
@pytest.mark.parametrize("channel", ["DU1", "C1"])
async def test_what_cant_be_taken_is_answered_once_with_a_sentence(
    slack: Slack, make: Any, key: str, channel: str
) -> None:
    text = "" if channel == "DU1" else "<@U0BOT>"
    async with slack.listening():
        slack.fake.share(channel, "U1", make(slack.fake), text=text)
        told = await slack.said(channel)
        await slack.taken()
    assert told == [say(Phrase(key, {"most": "1 MB"}))]
    assert slack.assistant.accepted == []
    assert slack.fake.file_host.fetched == []


async def test_a_mention_with_a_file_that_comes_as_a_message_alone_is_answered_too(
    slack: Slack,
) -> None:
    slack.fake.state.subscribed = frozenset({"message.channels"})
    async with slack.listening():
        slack.fake.share("C1", "U1", clip(slack.fake), text="<@U0BOT>")
        assert await slack.said("C1") == [say(Phrase("content.video"))]


@pytest.mark.parametrize(("make", "key"), CANT_BE_TAKEN)
async def test_words_beside_what_cant_be_taken_are_answered(
    slack: Slack, make: Any, key: str
) -> None:
    notes, other = slack.fake.file("notes.txt", b"apples"), make(slack.fake)
    async with slack.listening():
        slack.fake.share("DU1", "U1", notes, other, text="What is it?")
        await slack.taken()
    [message] = slack.assistant.accepted
    told, unseen = message.text.split("\n\n")
    assert told == "What is it?"
    assert unseen.endswith("came with this message: you can't see, hear or open it.]")
    assert [one.data for one in message.attachments] == [b"apples"]


async def test_a_file_that_was_deleted_is_none(slack: Slack) -> None:
    gone = slack.fake.file("gone.txt", b"apples")
    gone.deleted = True
    async with slack.listening():
        slack.fake.share("DU1", "U1", gone, text="What was it?")
        slack.fake.share("DU1", "U1", gone)
        await slack.taken()
    assert [(one.text, one.attachments) for one in slack.assistant.accepted] == [
        ("What was it?", ())
    ]


async def test_of_a_picture_that_no_model_takes_slacks_copy_is_fetched(slack: Slack) -> None:
    copy = slack.fake.file("copy.jpg", png(4, 3), "image/jpeg")
    photo = slack.fake.file("photo.heic", b"heic", "image/heic")
    photo.more = {"thumb_360": "http://never.example/360", "thumb_1024": copy.url}
    async with slack.listening():
        slack.fake.share("DU1", "U1", photo)
        await slack.taken()
    assert [(one.kind, one.data) for one in slack.files] == [("image", png(4, 3))]


# --- the token


async def test_the_token_goes_to_no_other_host(
    slack: Slack, stranger: tuple[str, list[str]]
) -> None:
    address, tokens = stranger
    lured = slack.fake.file("notes.txt", b"apples")
    lured.url = f"{address}/files-pri/T1-F1/notes.txt"
    async with slack.listening():
        slack.fake.share("DU1", "U1", lured)
        assert await slack.said("DU1") == [NOT_FETCHED]
    assert tokens == []


async def test_no_redirect_takes_the_token_anywhere(
    slack: Slack, stranger: tuple[str, list[str]]
) -> None:
    address, tokens = stranger
    lured = slack.fake.file("notes.txt", b"apples")
    lured.sends_to = f"{address}/elsewhere"
    async with slack.listening():
        slack.fake.share("DU1", "U1", lured)
        assert await slack.said("DU1") == [NOT_FETCHED]
    assert tokens == []
    assert slack.assistant.accepted == []


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_missing_scope_is_recognised_by_the_page_to_sign_in(
    slack: Slack, at_once: bool
) -> None:
    slack.fake.workspace.scopes = frozenset({"chat:write", "users:read", "im:history"})
    slack.fake.file_host.signs_in_at_once = at_once
    with capture_logs() as logs:
        async with slack.listening():
            slack.fake.share("DU1", "U1", slack.fake.file("notes.txt", b"apples"), text="What?")
            assert await slack.said("DU1") == [NOT_FETCHED]
    [reason] = [log["error"] for log in logs if log["event"] == "file_not_fetched"]
    assert "files:read" in reason
    assert FakeSlack.bot_token not in str(logs)
    [message] = slack.assistant.accepted
    assert (message.text, message.attachments[0].data) == ("What?", None)


async def test_a_web_page_that_a_person_sends_is_a_text(slack: Slack) -> None:
    page = slack.fake.file("page.html", b"<h1>Herons</h1>", "text/html")
    async with slack.listening():
        slack.fake.share("DU1", "U1", page)
        await slack.taken()
    assert [one.data for one in slack.files] == [b"<h1>Herons</h1>"]


# --- trouble on the way


async def test_no_more_is_read_than_was_said(slack: Slack) -> None:
    liar = slack.fake.file("notes.txt", b"x" * 1_000_001)
    liar.more = {"size": 3}
    async with slack.listening():
        slack.fake.share("DU1", "U1", liar)
        assert await slack.said("DU1") == [NOT_FETCHED]
    assert slack.assistant.accepted == []


async def test_trouble_on_the_way_is_outlasted(slack: Slack) -> None:
    notes = slack.fake.file("notes.txt", b"apples")
    notes.broken = [503, 429]
    async with slack.listening():
        slack.fake.share("DU1", "U1", notes)
        await slack.taken()
    assert [one.data for one in slack.files] == [b"apples"]


async def test_what_slack_connect_tells_only_when_asked_is_asked(slack: Slack) -> None:
    notes = slack.fake.file("notes.txt", b"apples")
    notes.access = "check_file_info"
    async with slack.listening():
        slack.fake.share("DU1", "U1", notes, text="What is it?")
        await slack.taken()
    assert [(one.name, one.data) for one in slack.files] == [("notes.txt", b"apples")]
    assert [call.arguments["file"] for call in slack.fake.calls_of("files.info")] == [notes.id]


async def test_what_slack_connect_does_not_tell_is_said_so(slack: Slack) -> None:
    notes = slack.fake.file("notes.txt", b"apples")
    notes.access = "check_file_info"
    slack.fake.trouble("files.info", Trouble("file_not_found"))
    async with slack.listening():
        slack.fake.share("DU1", "U1", notes)
        assert await slack.said("DU1") == [NOT_FETCHED]


async def test_who_may_not_talk_has_nothing_fetched(slack: Slack) -> None:
    slack.assistant.refusal = Phrase("refused.blocked")
    async with slack.listening():
        slack.fake.share("C1", "U1", slack.fake.file("n.txt", b"apples"), text="<@U0BOT> see")
        told = await slack.said("C1")
        await slack.taken()
    assert told == [say(Phrase("refused.blocked"))]
    assert slack.fake.file_host.fetched == []


async def test_without_storage_the_message_comes_again_with_its_file(slack: Slack) -> None:
    slack.fake.courier.schedule = IMPATIENT
    slack.assistant.failures_left = 1
    async with slack.listening():
        slack.fake.share("DU1", "U1", slack.fake.file("notes.txt", b"apples"))
        await slack.taken()
    assert slack.fake.deliveries[0].attempts >= 2
    assert [one.data for one in slack.files] == [b"apples"]


# --- slow files


async def test_a_slow_file_comes_after_its_message_which_is_acknowledged_in_time(
    slack: Slack,
) -> None:
    notes = slack.fake.file("notes.txt", b"apples are red")
    notes.held = asyncio.Event()
    async with slack.listening():
        slack.fake.share("DU1", "U1", notes, text="What colour?")
        await slack.taken()
        assert [(one.awaited, one.data) for one in slack.files] == [(True, None)]
        assert slack.assistant.completed == []
        notes.held.set()
        await slack.fake.until(lambda: bool(slack.assistant.completed))
    [message] = slack.assistant.completed
    assert [(one.awaited, one.data) for one in message.attachments] == [(False, b"apples are red")]
    assert [delivery.attempts for delivery in slack.fake.deliveries] == [1]
    assert slack.fake.replies("DU1") == []


async def test_a_slow_file_holds_up_no_message_behind_it_for_long(slack: Slack) -> None:
    notes = [slack.fake.file(f"{n}.txt", b"apples") for n in range(4)]
    held = asyncio.Event()
    for one in notes:
        one.held = held
    async with slack.listening():
        for number, one in enumerate(notes):
            slack.fake.share("DU1", "U1", one, text=str(number))
        await slack.taken()
        held.set()
        await slack.fake.until(lambda: len(slack.assistant.completed) == 4)
    assert [one.text for one in slack.assistant.accepted] == ["0", "1", "2", "3"]
    assert [delivery.attempts for delivery in slack.fake.deliveries] == [1] * 4


async def test_a_slow_file_finds_its_message_when_the_storage_is_back(slack: Slack) -> None:
    notes = slack.fake.file("notes.txt", b"apples")
    notes.held = asyncio.Event()
    async with slack.listening():
        slack.fake.share("DU1", "U1", notes)
        await slack.taken()
        slack.assistant.failures_left = 1
        notes.held.set()
        await slack.fake.until(lambda: bool(slack.assistant.completed))
    assert [one.attachments[0].data for one in slack.assistant.completed] == [b"apples"]


async def test_a_slow_file_alone_that_cant_be_had_is_said_so_and_its_message_forgotten(
    slack: Slack,
) -> None:
    liar = slack.fake.file("notes.txt", b"x" * 1_000_001)
    liar.more, liar.held = {"size": 3}, asyncio.Event()
    async with slack.listening():
        message = slack.fake.share("DU1", "U1", liar)
        await slack.taken()
        liar.held.set()
        assert await slack.said("DU1") == [NOT_FETCHED]
    assert [ts for _, ts in slack.assistant.erased] == [message.ts]
