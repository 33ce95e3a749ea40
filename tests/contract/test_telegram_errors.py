"""Each error of the Bot API: what the person ends up seeing, and what the delivery's row says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from assistant.outgoing.apology import FAULT
from assistant.phrases import say
from bots.telegram import request
from bots.telegram.channel import PLACEHOLDER
from bots.telegram.editing import CUT
from tests.fakes.telegram import Failure, FakeTelegram, Limits
from tests.support.house import until
from tests.support.telegram_house import delivered, telegram_house

QUESTION = "Tell me of the sea"
REFUSED = "can't be shown here"
DONE = ("done", "", 0)
GONE = ("failed", "recipient_unreachable", 0)


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(limits=Limits.none()) as fake:
        fake.chat(7)
        yield fake


def bad(words: str, **how: object) -> Failure:
    return Failure(400, f"Bad Request: {words}", **how)  # type: ignore[arg-type]


def texts(telegram: FakeTelegram) -> list[str]:
    return [message.text for message in telegram.messages(7)]


NOBODY = [
    Failure(403, "Forbidden: bot was blocked by the user"),
    Failure(403, "Forbidden: bot was kicked from the supergroup chat"),
    Failure(403, "Forbidden: bot is not a member of the supergroup chat"),
    Failure(403, "Forbidden: user is deactivated"),
    bad("chat not found"),
    bad("not enough rights to send text messages to the chat"),
    bad("have no rights to send a message"),
    bad("CHAT_WRITE_FORBIDDEN"),
    bad("TOPIC_CLOSED"),
    bad("TOPIC_DELETED"),
    bad("message thread not found"),
    bad("group chat was deactivated"),
    bad("PEER_ID_INVALID"),
]


OVER = "SELECT WHERE NOT EXISTS (SELECT FROM turns WHERE finished_at IS NULL)"


async def test_where_nobody_can_be_reached_the_delivery_ends_after_one_call(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url) as home:
        for count, failure in enumerate(NOBODY, 1):
            telegram.fail_next("sendMessage", failure)
            telegram.user_says(7, QUESTION)
            assert (await delivered(home, count))[-1] == GONE, failure.description
            # The next one would join an answer that is still being written.
            await until(lambda: home.rows(OVER))
    assert texts(telegram) == []
    assert len(telegram.calls_of("sendMessage")) == len(NOBODY)


async def test_who_blocks_us_while_we_answer_ends_the_turn_and_the_delivery(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(
        telegram, database_url, redis_url, tokens_per_second=20, answer_tokens=2000
    ) as home:
        telegram.user_says(7, QUESTION)
        await telegram.until(lambda: any(text != PLACEHOLDER for text in texts(telegram)))
        telegram.user_blocks(7)
        assert await delivered(home) == [GONE]
        stopped = "SELECT FROM turns WHERE state = 'stopped'"
        await until(lambda: home.rows(stopped))


REPAIRED = [
    Failure(429, "Too Many Requests: retry after 1", retry_after=1),
    Failure(500, "Internal Server Error"),
    Failure(503, "Service Unavailable"),
]


@pytest.mark.parametrize("method", ["sendMessage", "editMessageText"])
@pytest.mark.parametrize("failure", REPAIRED, ids=lambda failure: failure.description)
async def test_what_passes_is_waited_for_and_the_answer_stands_once(
    telegram: FakeTelegram, database_url: str, redis_url: str, method: str, failure: Failure
) -> None:
    telegram.fail_next(method, failure, times=2)
    async with telegram_house(telegram, database_url, redis_url) as home:
        telegram.user_says(7, QUESTION)
        assert await delivered(home) == [DONE]
    (text,) = texts(telegram)
    assert "sea" in text


UNKNOWN = {
    "bad gateway": Failure(502, "Bad Gateway"),
    "gateway timeout, and done": Failure(504, "Gateway Timeout", effect=True),
    "closed": Failure(drop=True),
    "closed, and done": Failure(drop=True, effect=True),
    "no answer, and done": Failure(hang_seconds=2.0, effect=True),
    "unreadable, and done": Failure(body="<html>", effect=True),
}


@pytest.mark.parametrize("failure", UNKNOWN.values(), ids=UNKNOWN.keys())
async def test_a_post_that_nobody_answered_leaves_at_worst_an_empty_placeholder(
    telegram: FakeTelegram,
    database_url: str,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    failure: Failure,
) -> None:
    monkeypatch.setattr(request, "READ_SECONDS", 1.0)
    telegram.fail_next("sendMessage", failure)
    async with telegram_house(telegram, database_url, redis_url) as home:
        telegram.user_says(7, QUESTION)
        assert await delivered(home) == [("done", "", 1)]
    *empty, text = texts(telegram)
    assert empty == [PLACEHOLDER] * failure.effect
    assert "sea" in text


@pytest.mark.parametrize("failure", UNKNOWN.values(), ids=UNKNOWN.keys())
async def test_an_edit_that_nobody_answered_is_made_again(
    telegram: FakeTelegram,
    database_url: str,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    failure: Failure,
) -> None:
    monkeypatch.setattr(request, "READ_SECONDS", 1.0)
    telegram.fail_next("editMessageText", failure)
    async with telegram_house(telegram, database_url, redis_url) as home:
        telegram.user_says(7, QUESTION)
        assert await delivered(home) == [DONE]
    (text,) = texts(telegram)
    assert "sea" in text


async def test_an_edit_that_changes_nothing_is_success(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    same = bad("message is not modified: specified new message content … are exactly the same")
    telegram.fail_next("editMessageText", replace(same, effect=True))
    async with telegram_house(telegram, database_url, redis_url) as home:
        telegram.user_says(7, QUESTION)
        assert await delivered(home) == [DONE]
    (text,) = texts(telegram)
    assert "sea" in text


@pytest.mark.parametrize(
    "words", ["message to edit not found", "message can't be edited", "MESSAGE_ID_INVALID"]
)
async def test_a_reply_that_was_taken_away_is_not_posted_again(
    telegram: FakeTelegram, database_url: str, redis_url: str, words: str
) -> None:
    telegram.fail_next("editMessageText", bad(words), times=50)
    async with telegram_house(telegram, database_url, redis_url) as home:
        telegram.user_says(7, QUESTION)
        assert await delivered(home) == [DONE]
    assert texts(telegram) == [PLACEHOLDER]


async def test_entities_that_telegram_refuses_give_way_to_plain_text(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    telegram.fail_next("sendMessage")  # the answer is whole before its first edit
    telegram.fail_next("editMessageText", bad("can't parse entities: unsupported type specified"))
    async with telegram_house(telegram, database_url, redis_url) as home:
        telegram.user_says(7, "the **open** sea")
        assert await delivered(home) == [DONE]
    (message,) = telegram.messages(7)
    assert "open sea" in message.text
    assert message.entities == []


@pytest.mark.parametrize("words", ["MESSAGE_TOO_LONG", "message is too long"])
async def test_what_telegram_finds_too_long_is_cut_and_says_so(
    telegram: FakeTelegram, database_url: str, redis_url: str, words: str
) -> None:
    telegram.fail_next("sendMessage")
    telegram.fail_next("editMessageText", bad(words))
    async with telegram_house(telegram, database_url, redis_url) as home:
        telegram.user_says(7, "the long sea " * 270)
        assert await delivered(home) == [DONE]
    (text,) = texts(telegram)
    assert "the long sea" in text
    assert text.endswith(str(CUT))


async def test_an_answer_that_is_refused_for_another_reason_says_so_in_its_place(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    telegram.fail_next("sendMessage")
    telegram.fail_next("editMessageText", bad("strange and new"))
    async with telegram_house(telegram, database_url, redis_url) as home:
        telegram.user_says(7, QUESTION)
        assert await delivered(home) == [("failed", "content_refused", 0)]
    (text,) = texts(telegram)
    assert REFUSED in text


async def test_a_placeholder_that_is_refused_for_another_reason_leaves_a_word(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    telegram.fail_next("sendMessage", bad("strange and new"))
    async with telegram_house(telegram, database_url, redis_url) as home:
        telegram.user_says(7, QUESTION)
        assert await delivered(home) == [("failed", "content_refused", 0)]
    assert texts(telegram) == [f"⚠ {say(FAULT)}"]


@pytest.mark.parametrize("failure", [Failure(401, "Unauthorized"), Failure(404, "Not Found")])
async def test_an_answer_waits_for_a_token_that_is_right_again(
    telegram: FakeTelegram, database_url: str, redis_url: str, failure: Failure
) -> None:
    telegram.fail_next("sendMessage", failure)
    async with telegram_house(telegram, database_url, redis_url) as home:
        telegram.user_says(7, QUESTION)
        waits = "SELECT FROM deliveries WHERE error = 'credentials_refused' AND state = 'active'"
        await until(lambda: home.rows(waits))
        assert texts(telegram) == []
        await home.rows("UPDATE deliveries SET lease_until = now()")  # the minute is over
        home.delivery.look()
        await delivered(home)
    (text,) = texts(telegram)
    assert "sea" in text


async def test_a_notice_goes_to_the_supergroup_that_the_group_became(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    telegram.chat(-40).moved_to = -100
    telegram.chat(-100)
    async with telegram_house(telegram, database_url, redis_url):
        telegram.user_says(-40, "/help@OutriderTestBot")
        await telegram.until(lambda: telegram.messages(-100))
    assert "/stop" in telegram.messages(-100)[0].text
