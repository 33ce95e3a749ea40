"""Groups, topics, discussions, other bots: who is heard, what is stored, where it is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bots.telegram.channel import PLACEHOLDER
from tests.fakes.telegram import FakeTelegram, Limits
from tests.support.house import FAST, House, until
from tests.support.telegram_house import delivered, settled, telegram_house

US = "@OutriderTestBot"
GROUP = -100


@pytest.fixture(params=[False, True], ids=["privacy mode", "no privacy mode"])
async def telegram(request: pytest.FixtureRequest) -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(
        limits=Limits.none(), can_read_all_group_messages=request.param
    ) as fake:
        yield fake


@pytest.fixture
async def plain() -> AsyncIterator[FakeTelegram]:
    """Where the mode makes no difference."""
    async with FakeTelegram(limits=Limits.none()) as fake:
        yield fake


def answers(telegram: FakeTelegram, chat_id: int = GROUP) -> list[str]:
    return [message.text for message in telegram.messages(chat_id)]


async def stored(home: House) -> list[str]:
    return [row[0] for row in await home.rows("SELECT text FROM messages ORDER BY id")]


async def test_only_what_is_addressed_is_heard_stored_and_answered(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url) as home:
        telegram.user_says(GROUP, "the key is under the mat", sender_id=8)
        telegram.user_says(GROUP, f"{US} what of walnut?", sender_id=7)
        await delivered(home, 1)
        (answer,) = telegram.messages(GROUP)
        telegram.user_says(GROUP, "and of pecan?", sender_id=8, reply_to=answer.message_id)
        await delivered(home, 2)
        telegram.user_says(GROUP, "nobody asked you", sender_id=8)
        telegram.user_says(GROUP, "/roll 20", sender_id=8)
        telegram.user_says(GROUP, "/stop@SomeOtherBot", sender_id=8)
        await settled(telegram, home)
        said = await stored(home)
        assert len(said) == 2
        assert "what of walnut?" in said[0]
        assert "and of pecan?" in said[1]
        events = await home.rows("SELECT count(*) FROM events")
        assert events == [(2,)], "what is not for us leaves nothing behind"
    first, second = telegram.messages(GROUP)
    assert "walnut" in first.text
    assert "pecan" in second.text
    assert first.reply_to is not None, "the question is quoted"
    assert second.reply_to is not None


async def test_a_command_with_our_name_is_an_order_in_a_group(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url) as home:
        telegram.user_says(GROUP, f"/help{US}", sender_id=7)
        await telegram.until(lambda: answers(telegram))
        assert await stored(home) == []
    assert "/new" in answers(telegram)[0]


async def test_a_command_without_a_name_is_ours_where_telegram_gives_it_to_us_alone(
    plain: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(plain, database_url, redis_url):
        plain.user_says(GROUP, "/help", sender_id=7)
        await plain.until(lambda: answers(plain))
    assert "/new" in answers(plain)[0]


async def test_topics_are_conversations_of_their_own_and_answered_where_they_were_asked(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url) as home:
        telegram.user_says(GROUP, "a forum begins")  # the number 1 is the General topic's
        nuts = telegram.open_topic(GROUP, "Nuts")
        birds = telegram.open_topic(GROUP, "Birds")
        for thread in (nuts, birds, None):
            telegram.user_says(GROUP, f"{US} walnut", sender_id=7, thread_id=thread)
        await delivered(home, 3)
        threads = await home.rows("SELECT thread_id FROM conversations ORDER BY thread_id")
    assert sorted(threads) == sorted([("",), (str(nuts),), (str(birds),)])
    assert {message.thread_id for message in telegram.messages(GROUP)} == {nuts, birds, None}


async def test_a_topic_that_is_closed_ends_the_delivery_quietly(
    plain: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(plain, database_url, redis_url) as home:
        plain.user_says(GROUP, "a forum begins")
        topic = plain.open_topic(GROUP, "Nuts")
        plain.user_says(GROUP, f"{US} walnut", sender_id=7, thread_id=topic)
        plain.close_topic(GROUP, topic)
        rows = await delivered(home, 1)
    assert rows[0][0] in ("done", "failed")
    if rows[0][0] == "failed":
        assert rows[0][1] == "recipient_unreachable"


async def test_a_channels_post_is_answered_in_its_discussion_group_only_where_it_names_us(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url) as home:
        telegram.link_discussion(-500, GROUP)
        quiet = telegram.channel_posts(-500, "a new season begins")
        telegram.user_comments(quiet, "at last")
        telegram.channel_posts(-500, f"{US} what of walnut?")
        await delivered(home, 1)
        telegram.user_comments(quiet, f"{US} what of pecan?")
        await delivered(home, 2)
        await settled(telegram, home)
        assert len(await stored(home)) == 2
        names = await home.rows("SELECT name FROM identities ORDER BY id")
    assert names[0] == ("News",)
    assert telegram.messages(-500) == [], "a channel itself gets no answer"
    assert len(answers(telegram)) == 2


async def test_who_writes_in_a_chats_name_is_answered_as_that_chat(
    plain: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(plain, database_url, redis_url) as home:
        plain.admin_says_anonymously(GROUP, f"{US} walnut")
        await delivered(home, 1)
        plain.channel_says(GROUP, -600, f"{US} pecan")
        await delivered(home, 2)
        known = await home.rows("SELECT platform_id FROM identities ORDER BY id")
    assert known == [(str(GROUP),), ("-600",)]


async def test_another_bot_is_answered_a_few_times_and_then_met_with_silence(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url) as home:
        for count in range(1, FAST.bot_answers + 1):
            telegram.other_bot_says(GROUP, f"{US} your turn")
            await delivered(home, count)
        for text in (f"{US} and now?", f"{US}", f"/help{US}"):
            telegram.other_bot_says(GROUP, text)
        await settled(telegram, home)
        assert len(await stored(home)) == FAST.bot_answers
    assert len(answers(telegram)) == FAST.bot_answers


async def test_two_of_our_own_kind_do_not_talk_for_ever(
    plain: FakeTelegram, database_url: str, redis_url: str
) -> None:
    """A bot that answers each of our messages by a reply to it."""
    async with telegram_house(plain, database_url, redis_url) as home:
        plain.other_bot_says(GROUP, f"{US} hello")
        for count in range(1, FAST.bot_answers + 3):
            await until(lambda: answered(home, plain))
            ours = plain.messages(GROUP)[-1]
            plain.other_bot_says(GROUP, f"as you say {count}", reply_to=ours.message_id)
        await settled(plain, home)
    assert len(answers(plain)) == FAST.bot_answers


async def answered(home: House, telegram: FakeTelegram) -> bool:
    """Nothing waits, and nothing that was said to us is still to be shown."""
    live = "SELECT FROM deliveries WHERE state IN ('pending', 'active', 'removing')"
    quiet = not telegram.queue.pending and not await home.rows(live)
    return quiet and bool(telegram.messages(GROUP))


async def test_a_group_that_becomes_a_supergroup_keeps_its_conversation_and_its_answer(
    plain: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(
        plain, database_url, redis_url, tokens_per_second=100, answer_tokens=150
    ) as home:
        plain.make_group(-40, "Team")
        plain.user_says(-40, f"{US} walnut", sender_id=7)
        await plain.until(lambda: any(text != PLACEHOLDER for text in answers(plain, -40)))
        new = plain.group_becomes_supergroup(-40)
        assert await delivered(home, 1) == [("done", "", 0)]
        plain.user_says(new, f"{US} pecan", sender_id=7)
        await delivered(home, 2)
        chats = await home.rows("SELECT chat_id FROM conversations")
        turns = await home.rows("SELECT state, attempt FROM turns")
    assert chats == [(str(new),)]
    assert turns == [("done", 1), ("done", 1)]
    first, second = answers(plain, new)
    assert "walnut" in first
    assert "pecan" in second


async def test_a_group_that_puts_us_out_ends_what_is_under_way(
    plain: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(
        plain, database_url, redis_url, tokens_per_second=20, answer_tokens=2000
    ) as home:
        plain.user_says(GROUP, f"{US} walnut", sender_id=7)
        await plain.until(lambda: any(text != PLACEHOLDER for text in answers(plain)))
        plain.bot_is_removed(GROUP)
        assert await delivered(home, 1) == [("failed", "recipient_unreachable", 0)]
        assert await home.rows("SELECT state FROM turns") == [("stopped",)]


async def test_a_group_in_the_list_may_ask_and_a_refused_one_hears_it_once_from_each_person(
    plain: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(
        plain, database_url, redis_url, access="allowlist", allowlist=(str(GROUP),)
    ) as home:
        for _ in range(3):
            plain.user_says(-300, f"{US} let us in", sender_id=7)
        await settled(plain, home)
        await plain.until(lambda: answers(plain, -300))
        plain.user_says(GROUP, f"{US} walnut", sender_id=7)
        await delivered(home, 1)
    assert len(answers(plain, -300)) == 1
    assert "allow-list" in answers(plain, -300)[0]
