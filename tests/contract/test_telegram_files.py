"""Files come through Telegram's file API alone, and no more of them than was allowed."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from structlog.testing import capture_logs

from assistant.errors import Silenced
from assistant.files.attachments import TEXT_BYTES
from assistant.messages import Attachment
from assistant.phrases import Phrase, say
from bots.telegram import files
from bots.telegram.bot import open_bot
from bots.telegram.files import TelegramFiles, safe_path
from bots.telegram.settings import TelegramSettings
from tests.fakes.telegram import Failure, FakeTelegram, Limits
from tests.support.polling import Account
from tests.support.recording_assistant import RecordingAssistant

logging.getLogger("aiohttp").setLevel(logging.ERROR)
NOTES = Attachment("text", "notes", "notes.txt", "text/plain")
CAT = Attachment("image", "cat", media_type="image/png")


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(limits=Limits.none()) as telegram:
        telegram.files |= {"notes": b"three words here", "cat": b"\x89PNG"}
        yield telegram


@asynccontextmanager
async def fetching(telegram: FakeTelegram, seconds: float = 10.0) -> AsyncIterator[TelegramFiles]:
    settings = TelegramSettings(token=SecretStr(telegram.token), base_url=telegram.url)
    async with open_bot(settings) as bot:
        yield TelegramFiles(bot, seconds)


async def test_files_are_fetched_in_their_order(telegram: FakeTelegram) -> None:
    async with fetching(telegram) as wanted:
        fetched = await wanted.fetched((NOTES, CAT))
    assert [one.data for one in fetched] == [b"three words here", b"\x89PNG"]


def described(**file: object) -> Failure:
    return Failure(body=json.dumps({"ok": True, "result": file}))


@pytest.mark.parametrize(
    "path",
    ["../../bot1:x/getMe", "/etc/passwd", "documents/../notes", "a//b", ".", "", "a/\n", None, 5],
)
async def test_a_path_that_leads_elsewhere_is_not_asked_for(
    telegram: FakeTelegram, path: object
) -> None:
    telegram.fail_next("getFile", described(file_id="notes", file_path=path))
    async with fetching(telegram) as wanted:
        [fetched] = await wanted.fetched((NOTES,))
    assert fetched.data is None


@pytest.mark.parametrize("path", ["documents/notes", "documents/no%74es"])
async def test_an_odd_path_is_taken_as_it_is(telegram: FakeTelegram, path: str) -> None:
    telegram.fail_next("getFile", described(file_id="notes", file_path=path))
    async with fetching(telegram) as wanted:
        [fetched] = await wanted.fetched((NOTES,))
    assert (fetched.data is not None) == (path == "documents/notes")


@given(st.text(max_size=40))
def test_a_safe_path_never_leaves_its_folder(path: str) -> None:
    quoted = safe_path(path)
    if quoted is not None:
        assert quoted.isascii()
        assert not {"", ".", ".."} & set(quoted.split("/"))
        assert not set("?#\\ ") & set(quoted)


@pytest.mark.parametrize("size_said", [True, False])
async def test_no_more_is_read_than_was_allowed(telegram: FakeTelegram, size_said: bool) -> None:
    telegram.files["notes"] = b"x" * (TEXT_BYTES + 1)
    if not size_said:
        telegram.fail_next("getFile", described(file_id="notes", file_path="documents/notes"))
    with capture_logs() as logs:
        async with fetching(telegram) as wanted:
            [fetched] = await wanted.fetched((NOTES,))
    assert fetched.data is None
    assert [log["error"] for log in logs] == ["larger than was said"]


@pytest.mark.parametrize("where", ["getFile", "file"])
@pytest.mark.parametrize("failure", [Failure(500), Failure(drop=True), Failure(502, "Bad Gateway")])
async def test_trouble_on_the_way_is_outlasted(
    telegram: FakeTelegram, where: str, failure: Failure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PAUSE_SECONDS", 0.01)
    telegram.fail_next(where, failure)
    async with fetching(telegram) as wanted:
        [fetched] = await wanted.fetched((NOTES,))
    assert fetched.data == b"three words here"


@pytest.mark.parametrize("where", ["getFile", "file"])
async def test_what_is_too_slow_or_gone_stays_without_content(
    telegram: FakeTelegram, where: str
) -> None:
    telegram.fail_next(where, Failure(hang_seconds=5))
    async with fetching(telegram, seconds=0.3) as wanted:
        slow, cat = await wanted.fetched((NOTES, CAT))
        [gone] = await wanted.fetched((Attachment("text", "no such file"),))
    assert [slow.data, cat.data, gone.data].count(None) == 2


async def test_what_cant_be_fetched_is_said_and_its_caption_is_answered(
    telegram: FakeTelegram,
) -> None:
    account = Account(telegram, RecordingAssistant())
    gone = {"file_id": "gone", "file_name": "a.txt", "file_size": 10}
    async with account.polling():
        telegram.user_sends(7, document=gone)
        telegram.user_sends(8, document=gone, caption="what does it say?")
        await telegram.until(lambda: account.said(7) and account.said(8) and account.confirmed())
    sentence = say(Phrase("content.not_fetched"))
    assert (account.said(7), account.said(8)) == ([sentence], [sentence])
    [message] = account.assistant.accepted
    assert message.text == "what does it say?"
    assert [one.data for one in message.attachments] == [None]


async def test_a_fault_in_fetching_is_told_too(telegram: FakeTelegram) -> None:
    account = Account(telegram, RecordingAssistant())
    # httpx takes no address that is so long, and says so by an error that is none of its HTTP's.
    telegram.fail_next("getFile", described(file_id="notes", file_path="a" * 70_000))
    async with account.polling():
        telegram.user_sends(7, document={"file_id": "notes", "file_name": "a.txt"})
        await telegram.until(lambda: account.said(7) and account.confirmed())
    assert account.said(7) == [say(Phrase("notice.fault"))]


async def test_who_is_told_nothing_is_told_nothing_about_a_file_either(
    telegram: FakeTelegram,
) -> None:
    account = Account(telegram, RecordingAssistant())
    account.assistant.bug = Silenced("They were told already.")
    async with account.polling():
        telegram.user_sends(7, document={"file_id": "notes", "file_name": "a.txt"})
        await telegram.until(lambda: telegram.queue.handed_out and account.confirmed())
    assert account.said(7) == []
    assert telegram.calls_of("getFile") == []


async def test_nothing_is_fetched_for_somebody_who_may_not_talk_here(
    telegram: FakeTelegram,
) -> None:
    account = Account(telegram, RecordingAssistant())
    account.assistant.refusal = Phrase("refused.blocked")
    async with account.polling():
        telegram.user_sends(7, document={"file_id": "notes", "file_name": "a.txt"})
        await telegram.until(lambda: account.said(7) and account.confirmed())
    assert account.said(7) == [say(Phrase("refused.blocked"))]
    assert telegram.calls_of("getFile") == []
