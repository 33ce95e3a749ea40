"""The getUpdates loop: nothing is confirmed before it is stored, and nothing blocks the queue."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from assistant.messages import ChatRef
from assistant.phrases import Phrase, say
from bots.inbound import APOLOGY
from tests.fakes.telegram import Failure, FakeTelegram, Limits
from tests.support.polling import Account
from tests.support.recording_assistant import RecordingAssistant

logging.getLogger("aiohttp").setLevel(logging.ERROR)


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    async with FakeTelegram(limits=Limits.none()) as telegram:
        yield Account(telegram, RecordingAssistant())


async def test_messages_reach_the_assistant_in_the_order_of_their_chat(account: Account) -> None:
    for n in range(5):
        account.telegram.user_says(7, f"a{n}")
        account.telegram.user_says(8, f"b{n}")
    async with account.polling():
        await account.telegram.until(lambda: len(account.texts()) == 10 and account.confirmed())
    for chat, letter in (("7", "a"), ("8", "b")):
        got = [m.text for m in account.assistant.accepted if m.chat.chat_id == chat]
        assert got == [f"{letter}{n}" for n in range(5)]


async def test_nothing_is_confirmed_before_it_is_committed(account: Account) -> None:
    account.assistant.hold.clear()
    async with account.polling():
        account.telegram.user_says(7, "hold me")
        await account.telegram.until(lambda: account.telegram.queue.handed_out)
        await asyncio.sleep(0.2)
        assert len(account.telegram.queue.pending) == 1
    assert len(account.telegram.queue.pending) == 1  # the poller died before the commit
    account.assistant.hold.set()
    async with account.polling():
        await account.telegram.until(account.confirmed)
    assert account.texts() == ["hold me"]


async def test_a_message_knows_when_it_came_and_when_its_confirmation_was_asked_for(
    account: Account,
) -> None:
    account.assistant.hold.clear()
    async with account.polling():
        account.telegram.user_says(7, "hold me")
        await account.telegram.until(lambda: account.telegram.queue.handed_out)
        account.assistant.hold.set()
        await account.telegram.until(account.confirmed)
    [message] = account.assistant.accepted
    assert message.arrival is not None and message.arrival.acknowledged is not None
    assert message.arrival.received < message.arrival.acknowledged < time.monotonic()


async def test_what_ends_while_telegram_is_just_sending_it_again_is_not_done_twice(
    account: Account,
) -> None:
    telegram = account.telegram
    account.assistant.hold.clear()
    async with account.polling():
        telegram.user_says(7, "slow")
        await telegram.until(lambda: telegram.queue.handed_out)
        telegram.latency_seconds = 1.0
        await telegram.until(lambda: len(telegram.queue.handed_out) == 2)  # and under way to us
        account.assistant.hold.set()
        await telegram.until(account.confirmed)
    assert len(account.assistant.deliveries) == 1


SLOW_FILE = Failure(400, "Bad Request: file is temporarily unavailable", hang_seconds=2.5)


async def test_a_slow_file_holds_up_its_own_chat_alone_and_is_not_confirmed(
    account: Account,
) -> None:
    account.telegram.fail_next("getFile", SLOW_FILE)
    async with account.polling():
        slow = account.telegram.user_sends(7, document={"file_id": "slow", "file_name": "a.txt"})
        await account.telegram.until(lambda: account.telegram.calls_of("getFile"))
        account.telegram.user_says(7, "behind the file")
        for n in range(3):  # each comes with an answer of its own
            account.telegram.user_says(8, f"other {n}")
            await account.telegram.until(lambda n=n: f"other {n}" in account.texts())
        assert account.said(7) == []
        assert account.telegram.queue.pending[0]["update_id"] == slow
        await account.telegram.until(account.confirmed)
    assert account.texts() == ["other 0", "other 1", "other 2", "behind the file"]
    assert len(account.assistant.deliveries) == 4  # what came again meanwhile was known
    assert account.said(7) == [say(Phrase("content.not_fetched"))]


async def test_while_something_is_in_work_telegram_is_not_asked_without_a_pause(
    account: Account,
) -> None:
    account.telegram.fail_next("getFile", SLOW_FILE)
    account.telegram.user_sends(7, document={"file_id": "slow", "file_name": "a.txt"})
    async with account.polling():
        await account.telegram.until(account.confirmed)
    assert len(account.telegram.calls_of("getUpdates")) <= 8  # every half a second at most


async def test_a_button_waits_for_no_file(account: Account) -> None:
    async with account.polling():
        account.telegram.user_says(7, "a question")
        await account.telegram.until(account.texts)
        account.telegram.fail_next("getFile", SLOW_FILE)
        account.telegram.user_sends(7, document={"file_id": "slow", "file_name": "a.txt"})
        await account.telegram.until(lambda: account.telegram.calls_of("getFile"))
        account.telegram.user_presses(account.telegram.user_says(7, "reply"), "stop:1")
        await account.telegram.until(lambda: account.assistant.stopped)
        assert account.said(7) == []  # the file is still on its way


async def test_a_poller_that_dies_at_a_file_leaves_it_to_the_next(account: Account) -> None:
    account.telegram.files["late"] = b"late text"
    account.telegram.fail_next("getFile", SLOW_FILE)
    account.telegram.user_sends(7, document={"file_id": "late", "file_name": "a.txt"})
    async with account.polling():
        await account.telegram.until(lambda: account.telegram.calls_of("getFile"))
    assert account.assistant.deliveries == []
    async with account.polling():
        await account.telegram.until(account.confirmed)
    [message] = account.assistant.accepted
    assert [one.data for one in message.attachments] == [b"late text"]


async def test_update_ids_that_begin_anew_are_gone_on_with(account: Account) -> None:
    async with account.polling():
        account.telegram.user_says(7, "a week ago")
        await account.telegram.until(lambda: account.texts() and account.confirmed())
        account.telegram.queue.begin_anew(5)
        for text in ("now", "and on"):
            account.telegram.user_says(7, text)
            await account.telegram.until(lambda text=text: text in account.texts())
            await account.telegram.until(account.confirmed)
    assert account.texts() == ["a week ago", "now", "and on"]
    assert len(account.assistant.deliveries) == 3
    assert len(account.telegram.queue.handed_out) <= 6  # each at most once more than it needs


async def test_what_is_in_work_while_update_ids_begin_anew_is_neither_lost_nor_in_the_way(
    account: Account,
) -> None:
    account.telegram.fail_next("getFile", SLOW_FILE)
    async with account.polling():
        account.telegram.user_sends(7, document={"file_id": "slow", "file_name": "a.txt"})
        await account.telegram.until(lambda: account.telegram.calls_of("getFile"))
        account.telegram.queue.begin_anew(5)
        account.telegram.user_says(8, "now")
        await account.telegram.until(lambda: account.texts() and account.confirmed())
        assert account.said(7) == []  # the file is still on its way
        account.telegram.user_says(8, "and on")
        await account.telegram.until(lambda: account.said(7) and account.confirmed())
        account.telegram.user_says(7, "behind the file")
        await account.telegram.until(lambda: len(account.texts()) == 3 and account.confirmed())
    assert account.said(7) == [say(Phrase("content.not_fetched"))]
    assert account.texts() == ["now", "and on", "behind the file"]


async def test_an_unreadable_answer_confirms_nothing_that_is_not_stored(account: Account) -> None:
    account.assistant.failures_left = 1
    account.telegram.user_says(7, "kept")
    async with account.polling():
        await account.telegram.until(lambda: not account.assistant.failures_left)
        account.telegram.fail_next("getUpdates", Failure(body='{"ok": true, "result": ["x"]}'))
        account.telegram.fail_next("getUpdates", Failure(body='{"ok": true, "result": []}'))
        await account.telegram.until(account.confirmed)
    assert account.texts() == ["kept"]


async def test_without_storage_the_update_is_asked_for_again(account: Account) -> None:
    account.assistant.failures_left = 3
    account.telegram.user_says(7, "one")
    account.telegram.user_says(7, "two")
    async with account.polling():
        await account.telegram.until(account.confirmed)
    assert account.texts() == ["one", "two"]
    assert len(account.telegram.queue.handed_out) >= 6


async def test_a_chat_whose_storage_fails_does_not_make_others_come_twice(
    account: Account,
) -> None:
    account.telegram.user_says(7, "first")  # the earlier one fails, so both are handed out again
    account.telegram.user_says(8, "/help")
    account.assistant.hold.clear()
    async with account.polling():
        await account.telegram.until(lambda: account.assistant.commands)
        account.assistant.failures_left = 2
        account.assistant.hold.set()
        await account.telegram.until(account.confirmed)
    assert len(account.assistant.commands) == 1
    assert account.texts() == ["first"]


async def test_an_update_that_breaks_our_code_is_logged_and_passed_over(account: Account) -> None:
    account.assistant.bug = RuntimeError("planted")
    with capture_logs() as logs:
        async with account.polling():
            account.telegram.user_says(7, "breaks")
            await account.telegram.until(account.confirmed)
            account.assistant.bug = None
            account.telegram.user_says(7, "works")
            await account.telegram.until(account.texts)
    assert account.texts() == ["works"]
    assert account.said(7) == [say(APOLOGY)]
    assert [log["update_id"] for log in logs if log["event"] == "update_failed"] == [1001]
    assert not any("breaks" in str(log) for log in logs)


async def test_a_fault_before_the_update_is_handed_on_is_told_as_well(account: Account) -> None:
    async with account.polling():
        question = account.telegram.user_says(7, "about storks")
        await account.telegram.until(account.texts)
        account.assistant.bug = RuntimeError("planted")
        account.telegram.user_edits(question, "about herons")
        account.telegram.user_sends_voice(7)
        await account.telegram.until(lambda: len(account.said(7)) == 2)
    assert account.said(7) == [say(APOLOGY)] * 2


async def test_updates_of_unknown_kinds_and_shapes_are_passed_over(account: Account) -> None:
    async with account.polling():
        await account.telegram.until(lambda: account.telegram.calls_of("getUpdates"))
        for odd in ({"message": {"chat": 5}}, {"message": []}, {"callback_query": "x"}):
            account.telegram.push(odd)
        account.telegram.queue.allowed = []
        account.telegram.push({"something_new": {"chat": {"id": 7}}})
        account.telegram.user_says(7, "still here")
        await account.telegram.until(lambda: account.texts() and account.confirmed())
    assert account.texts() == ["still here"]


async def test_only_what_is_needed_is_asked_for_and_the_bot_introduces_itself(
    account: Account,
) -> None:
    account.telegram.methods.webhook = {"url": "https://old.example"}
    account.telegram.user_says(7, "waiting since before the start")
    async with account.polling():
        await account.telegram.until(account.texts)
    call = account.telegram.calls_of("getUpdates")[0]
    wanted = ["message", "edited_message", "callback_query", "my_chat_member"]
    assert call.params["allowed_updates"] == wanted
    assert account.telegram.methods.webhook == {}


async def test_a_refusal_is_said_to_the_person_and_confirmed(account: Account) -> None:
    account.assistant.refusal = Phrase("refused.blocked")
    async with account.polling():
        account.telegram.user_says(7, "let me in")
        await account.telegram.until(lambda: account.said(7) and account.confirmed())
    assert account.said(7) == [say(Phrase("refused.blocked"))]


async def test_commands_are_answered_and_other_content_gets_a_sentence(account: Account) -> None:
    async with account.polling():
        account.telegram.user_says(7, "/new")
        await account.telegram.until(lambda: account.said(7))
        account.telegram.user_sends(7, voice={"file_id": "x"})
        await account.telegram.until(lambda: len(account.said(7)) == 2)
    assert account.said(7) == ["done: new", say(Phrase("content.voice"))]
    assert account.texts() == []


async def test_a_notice_that_cant_be_shown_does_not_block_the_queue(account: Account) -> None:
    account.telegram.user_says(7, "/help")
    account.telegram.user_blocks(7)
    async with account.polling():
        account.telegram.user_says(8, "hi")
        await account.telegram.until(lambda: account.texts() and account.confirmed())


async def test_edits_reach_the_assistant(account: Account) -> None:
    async with account.polling():
        message = account.telegram.user_says(7, "Frnace?")
        account.telegram.user_edits(message, "France?")
        await account.telegram.until(lambda: account.assistant.edited)
    [edited] = account.assistant.edited
    assert edited.chat == ChatRef("telegram", "default", "7")
    assert (edited.message_id, edited.text) == (str(message.message_id), "France?")
    assert (edited.event_id, edited.sender_id) == ("1002", "7")


async def test_a_fault_is_not_told_about_an_edit_that_does_not_speak_to_us(
    account: Account,
) -> None:
    account.telegram.first_bot.user["can_read_all_group_messages"] = True
    message = account.telegram.user_says(-100, "nobody asked you")
    async with account.polling():
        await account.telegram.until(account.confirmed)
        account.assistant.bug = RuntimeError("a fault of ours")
        account.telegram.user_edits(message, "nobody asks you")
        await account.telegram.until(account.confirmed)
        account.telegram.user_edits(message, "@OutriderTestBot now you are asked")
        await account.telegram.until(lambda: account.said(-100) and account.confirmed())
    assert account.said(-100) == [say(Phrase("notice.fault"))]


async def test_the_stop_button_stops_only_turns_of_its_own_chat(account: Account) -> None:
    async with account.polling():
        account.telegram.user_says(7, "mine")
        await account.telegram.until(account.texts)
        theirs = account.telegram.user_says(8, "other chat")
        mine = account.telegram.user_says(7, "second")
        account.telegram.user_presses(theirs, "stop:1")
        await account.telegram.until(lambda: not account.telegram.methods.queries)
        assert account.assistant.stopped == []
        account.telegram.user_presses(mine, "stop:1")
        await account.telegram.until(lambda: account.assistant.stopped)
        await account.telegram.until(lambda: not account.telegram.methods.queries)
    chat = ChatRef("telegram", "default", "7")
    assert account.assistant.pressed == [(1, chat, str(mine.message_id))]


async def test_the_stop_button_of_a_message_that_is_gone_still_names_it(account: Account) -> None:
    async with account.polling():
        question = "@OutriderTestBot tell me everything"
        reply = account.telegram.user_says(-100, question, thread_id=5)
        await account.telegram.until(account.texts)
        account.telegram.user_presses(reply, "stop:1", accessible=False)
        await account.telegram.until(lambda: account.assistant.stopped)
    topic = ChatRef("telegram", "default", "-100", "5", "group")
    assert account.assistant.pressed == [(1, topic, str(reply.message_id))]


@pytest.mark.parametrize(
    "failure",
    [
        Failure(500),
        Failure(502, "Bad Gateway"),
        Failure(429, "Too Many Requests", retry_after=1),
        Failure(drop=True),
        Failure(body="<html>"),
        Failure(body='{"ok": true, "result": {"no": "list"}}'),
        Failure(body='{"ok": true, "result": ["x", {"update_id": "y"}]}'),
        Failure(body="null"),
    ],
)
async def test_trouble_at_telegram_is_outlasted(account: Account, failure: Failure) -> None:
    account.telegram.fail_next("getMe", failure)
    account.telegram.fail_next("getUpdates", failure, times=2)
    account.telegram.user_says(7, "after the trouble")
    async with account.polling():
        await account.telegram.until(account.texts)
    assert account.texts() == ["after the trouble"]


async def test_another_poller_is_said_in_the_log_and_outlasted(account: Account) -> None:
    with capture_logs() as logs:
        async with account.polling():
            await account.telegram.until(lambda: account.telegram.calls_of("getUpdates"))
            await account.telegram.queue.take(0, 1, 0)  # the other program
            account.telegram.user_says(7, "hi")
            await account.telegram.until(account.texts)
    assert [log["log_level"] for log in logs if log["event"] == "telegram_other_poller"] == [
        "error"
    ]


async def test_a_refused_token_is_said_once_in_the_log_without_the_token(account: Account) -> None:
    with capture_logs() as logs:
        async with account.polling(token="1:secret-and-wrong"):
            await account.telegram.until(lambda: account.telegram.refused_tokens >= 3)
    assert [log["log_level"] for log in logs if log["event"] == "telegram_token_refused"] == [
        "error"
    ]
    assert not any("secret-and-wrong" in str(log) for log in logs)
