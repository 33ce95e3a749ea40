"""With drafts on, a growing answer is no message yet; its end is one."""

from __future__ import annotations

from assistant.metrics import Metrics
from assistant.outgoing.deliveries import Deliveries
from assistant.outgoing.outbox import Outbox
from tests.fakes.telegram import Failure, FakeTelegram, Limits
from tests.fakes.telegram.chats import Message
from tests.support.house import until
from tests.support.telegram_house import telegram_house

ANA, GROUP = 7, -100


async def asked(
    telegram: FakeTelegram, database_url: str, redis_url: str, chat: int, tokens: int = 150
) -> list[str]:
    """Ask, wait for the whole answer, and return the texts of the messages that then stand."""
    async with telegram_house(
        telegram, database_url, redis_url, drafts=True, tokens_per_second=300, answer_tokens=tokens
    ):
        telegram.user_says(chat, f"@{telegram.bot['username']} Tell me of the sea.")
        await until(lambda: any("retry" in one.buttons[0] for one in over(telegram, chat)))
        return [one.text for one in telegram.messages(chat)]


def over(telegram: FakeTelegram, chat: int) -> list[Message]:
    return [one for one in telegram.messages(chat) if one.buttons]


async def test_a_private_answer_grows_as_a_draft_and_ends_as_one_message(
    database_url: str, redis_url: str
) -> None:
    async with FakeTelegram(limits=Limits.none()) as telegram:
        (text,) = await asked(telegram, database_url, redis_url, ANA)
        drafts = telegram.chat(ANA).draft_history
        assert len({number for number, _ in drafts}) == 1, "one draft, that moves on"
        assert len(drafts) > 2
        shown = [version.text for _, version in drafts]
        assert shown[0] == "…" and text.startswith(shown[-1].rstrip())
        assert len(telegram.messages(ANA)[0].versions) == 2, "posted, and its end"


async def test_in_a_group_there_are_no_drafts(database_url: str, redis_url: str) -> None:
    async with FakeTelegram(limits=Limits.none()) as telegram:
        telegram.make_group(GROUP, kind="supergroup")
        await asked(telegram, database_url, redis_url, GROUP)
        assert not telegram.calls_of("sendMessageDraft")
        assert len(telegram.messages(GROUP)[0].versions) > 2


async def test_where_telegram_refuses_drafts_the_answer_grows_as_a_message(
    database_url: str, redis_url: str
) -> None:
    async with FakeTelegram(limits=Limits.none()) as telegram:
        telegram.fail_next("sendMessageDraft", Failure(400, "Bad Request: DRAFTS_OFF"), times=9)
        await asked(telegram, database_url, redis_url, ANA)
        assert len(telegram.calls_of("sendMessageDraft")) == 1
        assert len(telegram.messages(ANA)[0].versions) > 2


async def test_an_answer_that_one_message_does_not_hold_goes_on_in_messages(
    database_url: str, redis_url: str
) -> None:
    async with FakeTelegram(limits=Limits.none()) as telegram:
        texts = await asked(telegram, database_url, redis_url, ANA, tokens=900)
        assert len(texts) > 1
        assert telegram.chat(ANA).draft_history


async def test_inside_a_penalty_no_draft_is_sent(database_url: str, redis_url: str) -> None:
    async with (
        FakeTelegram(limits=Limits.none()) as telegram,
        telegram_house(telegram, database_url, redis_url, drafts=True) as home,
    ):
        # What is delivered here is delivered by the test.
        home.delivery.channels.close("telegram", "default")
        telegram.user_says(ANA, "Tell me of the sea.")
        await until(lambda: home.rows("SELECT account_id FROM deliveries"))
        ((account,),) = await home.rows("SELECT account_id FROM deliveries")
        deliveries, governor = Deliveries(home.database, "another", 10.0), home.delivery.governor
        (one,) = await deliveries.claim([account], 1)
        outbox = Outbox(one, home.screen, deliveries, governor, Metrics())
        assert await outbox.draft("The sea")
        await governor.penalize(one.chat, 60.0)
        assert not await outbox.draft("The sea is")
        assert len(telegram.calls_of("sendMessageDraft")) == 1
