"""A quota holds before anything is stored, in words that say when it begins anew."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from assistant.answering.turns import Claimant, Outcome
from assistant.errors import MessageRefused, QuotaSpent, Silenced
from assistant.incoming.spending import Spending
from assistant.messages import ButtonPressed, ChatRef, Edited, Requester
from inference.api import ChatMessage, Sampling
from tests.support.decided import look_again
from tests.support.house import CHAT, House, house, incoming
from tests.support.orders import told

GROUP = replace(CHAT, chat_id="-100", kind="group")
REQUEST = ChatRef("api", "default", "request-1")
ASKED = [ChatMessage("user", "One")]


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


async def rule(home: House, subject: str, temporary: str = "", **limits: int) -> None:
    """A quota as it stands in the table, from the next look on; `temporary`: until SQL's time."""
    account = int(subject.split(":")[1]) if subject[:5] == "accou" else None
    names = "".join(f", {name}" for name in limits)
    values = "".join(f", {value}" for value in limits.values())
    await home.rows(
        f"INSERT INTO quotas (subject, account_id, temporary, until{names}) VALUES"
        f" (%(subject)s, %(account)s, {bool(temporary)}, {temporary or 'NULL'}{values})",
        {"subject": subject, "account": account},
    )
    look_again(home)


async def answered(home: House, chat: ChatRef = CHAT, tokens: int = 90, **who: str) -> None:
    await home.say("Hello", chat, **who)
    (turn,) = await home.turns.claim(Claimant("worker", 10.0, "model"), 1)
    ended = Outcome("done", "Yes.", prompt_tokens=tokens - 5, output_tokens=5)
    assert await home.turns.finish(turn, ended)


async def refused(home: House, chat: ChatRef = CHAT, **who: str) -> QuotaSpent:
    stored = await home.rows("SELECT count(*) FROM messages")
    with pytest.raises(QuotaSpent) as refusal:
        await home.say("One more", chat, **who)
    assert await home.rows("SELECT count(*) FROM messages") == stored
    return refusal.value


async def person(home: House, name: str = "Ana") -> int:
    ((found,),) = await home.rows("SELECT id FROM persons WHERE name = %(n)s", {"n": name})
    return int(found)


async def account(home: House, channel: str = "telegram") -> int:
    ((found,),) = await home.rows("SELECT id FROM accounts WHERE channel = %(c)s", {"c": channel})
    return int(found)


async def test_who_has_used_up_their_messages_is_told_when_they_begin_anew(home: House) -> None:
    await rule(home, "person:*", messages_per_day=2)
    await answered(home)
    await answered(home)
    refusal = await refused(home)
    assert str(refusal).startswith("Your quota for today is used up: 2 of 2 messages. It starts")
    assert "at 00:00 UTC, in " in str(refusal)
    assert 0 < refusal.retry_after_seconds <= 86_400
    await answered(home, replace(CHAT, chat_id="43"), sender_id="8", sender_name="Ben")


async def test_what_waits_and_what_is_being_answered_is_counted_too(home: House) -> None:
    await rule(home, "person:*", messages_per_day=2)
    await home.say("One")
    await home.say("Two")
    assert "2 of 2 messages" in str(await refused(home))


async def test_tokens_that_were_read_and_written_are_counted(home: House) -> None:
    await rule(home, "person:*", tokens_per_month=180)
    await answered(home)
    await answered(home)
    line = str(await refused(home))
    assert "Your quota for this month is used up: 180 of 180 tokens read and written." in line


async def test_a_quota_of_ones_own_goes_before_everybodys_and_a_temporary_one_before_that(
    home: House,
) -> None:
    await rule(home, "person:*", messages_per_day=1)
    await answered(home)
    assert "1 of 1" in str(await refused(home))
    ana = await person(home)
    await rule(home, f"person:{ana}", messages_per_day=2)
    await answered(home)
    assert "2 of 2" in str(await refused(home))
    await rule(home, f"person:{ana}", "now() + interval '1 hour'", messages_per_day=3)
    await answered(home)
    assert "3 of 3" in str(await refused(home))
    await home.rows("UPDATE quotas SET until = now() WHERE temporary")
    look_again(home)
    assert "3 of 2" in str(await refused(home))


async def test_a_quota_without_limits_frees_a_person_of_everybodys(home: House) -> None:
    await rule(home, "person:*", messages_per_day=1)
    await answered(home)
    await rule(home, f"person:{await person(home)}")
    await answered(home)


async def test_a_group_has_a_quota_of_its_own_which_each_is_told_of_once(home: House) -> None:
    await rule(home, "chat:*", messages_per_day=2)
    await answered(home, GROUP)
    await answered(home, GROUP, sender_id="8", sender_name="Ben")
    assert "This group's quota for today is used up" in str(await refused(home, GROUP))
    with pytest.raises(Silenced):
        await home.say("And now?", GROUP)
    await refused(home, GROUP, sender_id="8", sender_name="Ben")
    await answered(home)  # in private it does not hold
    await rule(home, f"chat:{await account(home)}:-100", messages_per_day=9)
    await answered(home, GROUP)


async def test_all_of_an_account_have_one_together(home: House) -> None:
    await rule(home, f"account:{await account(home)}", tokens_per_day=100)
    await answered(home)
    await answered(home, replace(CHAT, chat_id="43"), sender_id="8", sender_name="Ben")
    look_again(home)
    line = str(await refused(home, replace(CHAT, chat_id="44"), sender_id="9", sender_name="Cid"))
    assert "What all together may use here today is used up: 180 of 100 tokens" in line
    web = ChatRef("web", "default", "cookie")
    await answered(home, web, sender_id="cookie", sender_name="")


async def test_what_was_accepted_and_comes_again_is_not_refused(home: House) -> None:
    await rule(home, "person:*", messages_per_day=1)
    message = incoming("Hello")
    first = await home.service.accept(message)
    again = await home.service.accept(message)
    assert (again.turn_id, again.duplicate) == (first.turn_id, True)
    twin = replace(message, event_id="another")
    assert (await home.service.accept(twin)).duplicate
    await refused(home)


async def test_where_there_is_no_quota_nothing_is_asked(home: House) -> None:
    asked: list[str] = []

    class Counting:
        async def rows(self, statement: str, values: object = None) -> list[Any]:
            asked.append(statement)
            return []

        async def row(self, statement: str, values: object = None) -> None:
            asked.append(statement)

    spending = Spending(Counting())  # type: ignore[arg-type]
    known = home.service.accounts.get("telegram", "default")
    for _ in range(5):
        await spending.check(known, GROUP, "7")
    assert len(asked) == 1  # what kinds there are


async def test_asking_again_and_editing_cost_tokens_and_no_messages(home: House) -> None:
    await rule(home, "person:*", messages_per_day=1)
    said = incoming("Hello")
    await home.service.accept(said)
    (turn,) = await home.turns.claim(Claimant("worker", 10.0, "model"), 1)
    await home.turns.finish(turn, Outcome("done", "Yes.", prompt_tokens=85, output_tokens=5))
    edited = Edited(CHAT, "edit-1", said.message_id, "7", "Hello you")
    pressed = ButtonPressed(CHAT, "retry", turn.id, "7", sender_name="Ana")
    await home.service.edit(edited)
    (turn,) = await home.turns.claim(Claimant("worker", 10.0, "model"), 1)
    await home.turns.finish(turn, Outcome("done", "Yes.", prompt_tokens=85, output_tokens=5))
    await home.rows("UPDATE quotas SET tokens_per_day = 100, messages_per_day = NULL")
    with pytest.raises(QuotaSpent):
        await home.service.edit(replace(edited, event_id="edit-2", text="Hello there"))
    with pytest.raises(QuotaSpent):
        await home.service.press(replace(pressed, turn_id=turn.id))
    with pytest.raises(MessageRefused):
        await told(home, "retry")
    await home.service.edit(edited)  # it came before


async def test_a_program_has_its_keys_quota_and_not_everybodys(home: House) -> None:
    await rule(home, "person:*", messages_per_day=0)
    billing = Requester("key-1", "billing")
    await home.service.accept_request(REQUEST, ASKED, Sampling(), billing)
    await rule(home, f"person:{await person(home, 'billing')}", messages_per_day=1)
    with pytest.raises(QuotaSpent):
        other = replace(REQUEST, chat_id="request-2")
        await home.service.accept_request(other, ASKED, Sampling(), billing)


async def test_usage_shows_the_quotas_that_hold_here(home: House) -> None:
    await rule(home, "person:*", messages_per_day=20, tokens_per_month=100_000)
    await rule(home, "chat:*", messages_per_day=5)
    await answered(home)
    shown = (await told(home, "usage")).split("\n\n")[1].splitlines()
    assert shown == [
        "Your quota for this month: 90 of 100,000 tokens read and written",
        "Your quota for today: 1 of 20 messages",
    ]
    here = (await told(home, "usage", chat=GROUP)).split("\n\n")[1].splitlines()
    assert here[-1] == "This group's quota for today: 0 of 5 messages"


async def test_without_a_quota_usage_says_nothing_of_one(home: House) -> None:
    await answered(home)
    assert "quota" not in await told(home, "usage")
