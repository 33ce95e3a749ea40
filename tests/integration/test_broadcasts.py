"""A broadcast reaches each conversation that asked for news once, by the budgets, until stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from assistant.channel import Pace
from assistant.errors import (
    BroadcastRefused,
    ChannelError,
    PlatformUnavailable,
    RateLimited,
    RecipientUnreachable,
    SendOutcomeUnknown,
)
from assistant.messages import ChatRef
from assistant.outgoing.broadcasting import Broadcasting
from assistant.outgoing.broadcasts import LONGEST, Broadcast, Broadcasts, Posts
from assistant.phrases import Phrase, say
from tests.support.admins import ROOT, noted
from tests.support.house import House, house, running, until
from tests.support.orders import told
from tests.support.screen import ScreenChannel

TEXT = "A new model answers from Friday on."


@dataclass(slots=True)
class SayingChannel(ScreenChannel):
    """Remembers what was said where, and fails there as it was told to."""

    heard: dict[str, list[str]] = field(default_factory=dict)
    fails: dict[str, ChannelError] = field(default_factory=dict)  # by chat, once each
    slow: asyncio.Event | None = None

    async def say(self, chat: ChatRef, text: str, *, reply_to: str = "") -> None:
        if self.slow is not None:
            await self.slow.wait()
        if (failure := self.fails.pop(chat.chat_id, None)) is not None:
            raise failure
        self.heard.setdefault(chat.chat_id, []).append(text)


@pytest.fixture
def screen() -> SayingChannel:
    return SayingChannel()


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str, screen: SayingChannel) -> AsyncIterator[House]:
    async with house(database_url, redis_url, screen=screen) as built:
        yield built


def chat(number: int) -> ChatRef:
    return ChatRef("telegram", "default", str(number))


async def subscribe(home: House, *numbers: int, language: str = "") -> None:
    for number in numbers:
        await told(home, "news", "on", chat=chat(number), language=language)


def gateway(home: House, name: str = "gateway") -> Broadcasting:
    delivery = home.delivery
    posts = Posts(home.database, name)
    return Broadcasting(posts, delivery.channels, delivery.governor, delivery.migration)


@asynccontextmanager
async def broadcasting(home: House) -> AsyncIterator[None]:
    async with running(asyncio.create_task(gateway(home).run())):
        yield


async def ended(home: House, broadcast: int, state: str = "done") -> Broadcast:
    async def over() -> bool:
        found = await Broadcasts(home.database).find(broadcast)
        return found is not None and found.state == state

    await until(over)
    found = await Broadcasts(home.database).find(broadcast)
    assert found is not None
    return found


async def test_all_who_asked_for_news_and_nobody_else_get_it_once(
    home: House, screen: SayingChannel
) -> None:
    await subscribe(home, *range(50, 80))
    await subscribe(home, 80, language="de")
    await home.say("I asked for nothing", chat(90))
    broadcast = await Broadcasts(home.database).start(ROOT, TEXT)
    async with broadcasting(home):
        found = await ended(home, broadcast)
    assert dict(found.posts) == {"sent": 31}
    assert (found.total, found.ended, found.sent_by) == (31, 31, "root")
    footer = say(Phrase("news.footer"), "de")
    assert screen.heard.pop("80") == [f"{TEXT}\n\n{footer}"]
    assert screen.heard == {
        str(one): [f"{TEXT}\n\n{say(Phrase('news.footer'))}"] for one in range(50, 80)
    }
    assert await noted(home) == [("root", "broadcast.started", f"broadcast:{broadcast}")]


async def test_several_gateways_send_each_post_once(home: House, screen: SayingChannel) -> None:
    await subscribe(home, *range(50, 110))
    await Broadcasts(home.database).start(ROOT, TEXT)
    gateways = [gateway(home, f"gateway-{number}") for number in range(3)]
    while sum(await asyncio.gather(*(one.send_some() for one in gateways))):
        pass
    assert [len(heard) for heard in screen.heard.values()] == [1] * 60


async def test_a_stopped_broadcast_goes_to_nobody_more(home: House, screen: SayingChannel) -> None:
    await subscribe(home, *range(50, 90))
    broadcasts = Broadcasts(home.database)
    broadcast = await broadcasts.start(ROOT, TEXT)
    screen.slow = asyncio.Event()
    async with broadcasting(home):

        async def on_their_way() -> bool:
            found = await broadcasts.find(broadcast)
            return found is not None and found.posts.get("sending") == 20

        await until(on_their_way)
        assert await broadcasts.stop(ROOT, broadcast) == 20
        screen.slow.set()
        await until(lambda: len(screen.heard) == 20)
        await asyncio.sleep(0.5)
    found = await broadcasts.find(broadcast)
    assert found is not None
    assert (found.state, dict(found.posts)) == ("stopped", {"sent": 20, "stopped": 20})
    assert len(screen.heard) == 20
    with pytest.raises(BroadcastRefused, match="no such broadcast"):
        await broadcasts.stop(ROOT, broadcast)
    assert (await noted(home))[-1] == ("root", "broadcast.stopped", f"broadcast:{broadcast}")


async def test_what_was_claimed_and_not_begun_when_it_was_stopped_is_not_sent(home: House) -> None:
    await subscribe(home, 50)
    broadcasts = Broadcasts(home.database)
    broadcast = await broadcasts.start(ROOT, TEXT)
    posts = Posts(home.database, "gateway")
    accounts = [account.id for account in home.delivery.channels.accounts]
    (claimed,) = await posts.claim(accounts, 5)
    assert await posts.claim(accounts, 5) == [], "it is another's as long as its lease lasts"
    assert await broadcasts.stop(ROOT, broadcast) == 1
    assert not await posts.begin(claimed)
    await posts.put_back(claimed, 0, "rate_limited")
    assert await home.rows("SELECT state FROM broadcast_posts") == [("stopped",)]


async def test_what_each_chat_comes_to_is_written_down(home: House, screen: SayingChannel) -> None:
    await subscribe(home, *range(50, 54))
    screen.fails = {
        "50": RecipientUnreachable("blocked"),
        "51": SendOutcomeUnknown("no answer"),
        "52": PlatformUnavailable("away"),
    }
    broadcast = await Broadcasts(home.database).start(ROOT, TEXT)
    await gateway(home).send_some()
    states = await home.rows(
        "SELECT chat_id, state, error, news IS NOT NULL FROM broadcast_posts"
        " JOIN conversations ON conversations.id = conversation_id ORDER BY chat_id"
    )
    assert states == [
        ("50", "failed", "recipient_unreachable", False),
        ("51", "unknown", "send_outcome_unknown", True),
        ("52", "waiting", "platform_unavailable", True),
        ("53", "sent", "", True),
    ]
    await home.rows("UPDATE broadcast_posts SET lease_until = now() WHERE state = 'waiting'")
    async with broadcasting(home):
        found = await ended(home, broadcast)
    assert dict(found.posts) == {"failed": 1, "unknown": 1, "sent": 2}
    assert screen.heard.keys() == {"52", "53"}


async def test_a_platforms_pause_is_kept_and_the_post_comes_after_it(
    home: House, screen: SayingChannel
) -> None:
    await subscribe(home, 50)
    screen.fails = {"50": RateLimited(1.5)}
    broadcast = await Broadcasts(home.database).start(ROOT, TEXT)
    begun = asyncio.get_running_loop().time()
    async with broadcasting(home):
        await ended(home, broadcast)
    assert asyncio.get_running_loop().time() - begun >= 1.5
    assert len(screen.heard["50"]) == 1


async def test_posts_pass_the_accounts_budget(home: House, screen: SayingChannel) -> None:
    screen.pace = Pace(0.01, 0.01, 5.0)  # five calls a second
    await subscribe(home, *range(50, 62))
    broadcast = await Broadcasts(home.database).start(ROOT, TEXT)
    begun = asyncio.get_running_loop().time()
    async with broadcasting(home):
        await ended(home, broadcast)
    assert asyncio.get_running_loop().time() - begun >= 1.9, "twelve calls need three windows"


async def test_what_a_dead_gateway_was_sending_is_never_sent_again(
    home: House, screen: SayingChannel
) -> None:
    await subscribe(home, 50, 51)
    broadcast = await Broadcasts(home.database).start(ROOT, TEXT)
    died = Posts(home.database, "died")
    first, _ = await died.claim([account.id for account in home.delivery.channels.accounts], 2)
    assert await died.begin(first)
    await home.rows("UPDATE broadcast_posts SET lease_until = now() - interval '1 second'")
    async with broadcasting(home):
        found = await ended(home, broadcast)
    assert dict(found.posts) == {"unknown": 1, "sent": 1}
    assert screen.heard.keys() == {"51"}
    assert not await died.begin(first)


async def test_what_no_gateway_could_send_for_a_day_is_sent_no_more(
    home: House, screen: SayingChannel
) -> None:
    await subscribe(home, 50)
    broadcast = await Broadcasts(home.database).start(ROOT, TEXT)
    await home.rows("UPDATE broadcasts SET created_at = now() - interval '25 hours'")
    posts = Posts(home.database, "late")
    assert await posts.claim([account.id for account in home.delivery.channels.accounts], 5) == []
    async with broadcasting(home):
        found = await ended(home, broadcast)
    assert (dict(found.posts), screen.heard) == ({"failed": 1}, {})


async def test_a_broadcast_goes_to_one_channel_alone_where_that_is_asked(home: House) -> None:
    await subscribe(home, 50)
    broadcasts = Broadcasts(home.database)
    assert await broadcasts.wanted() == {"telegram": 1}
    with pytest.raises(BroadcastRefused, match="Nobody has asked"):
        await broadcasts.start(ROOT, TEXT, "slack")
    await broadcasts.start(ROOT, TEXT, "telegram")
    assert [one.channel for one in await broadcasts.newest(5)] == ["telegram"]


@pytest.mark.parametrize(
    ("text", "code"), [("  \n ", "empty"), ("x" * (LONGEST + 1), "too_long"), (TEXT, "nobody")]
)
async def test_what_cannot_be_sent_is_refused_in_words_and_leaves_nothing(
    home: House, text: str, code: str
) -> None:
    with pytest.raises(BroadcastRefused) as refused:
        await Broadcasts(home.database).start(ROOT, text)
    assert refused.value.code == code
    assert await home.rows("SELECT FROM broadcasts") == []
    assert await noted(home) == []
