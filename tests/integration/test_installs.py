"""Installs: accounts that come and go, each with a token that the database can't read."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from assistant.messages import ChatRef
from assistant.storage.installs import Installs
from tests.support.house import House, house, until

CHAT = ChatRef("slack", "T1", "D1")
OPEN = "SELECT state, error FROM deliveries ORDER BY turn_id"


@pytest.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    """With two accounts that are open nowhere, so that their deliveries wait."""
    async with house(database_url, redis_url) as built:
        for name in ("T1", "T2"):
            await built.service.accounts.register("slack", name)
        yield built


@pytest.fixture
def installs(home: House) -> Installs:
    return Installs(home.database, "slack")


async def keep(installs: Installs, account: str, token: str = "sealed") -> int:
    return await installs.keep(
        account, token, title="One", bot_id="B1", scopes="chat:write", installed_by="U1"
    )


async def test_an_install_is_listed_until_it_ends_and_its_token_is_gone_then(
    home: House, installs: Installs
) -> None:
    number = await keep(installs, "T1")
    [one] = await installs.listed()
    assert (one.account, one.number, one.token, one.bot_id) == ("T1", number, "sealed", "B1")
    assert await installs.end("T1", number) == []
    assert (await installs.listed(), await home.rows("SELECT FROM installs")) == ([], [])


async def test_a_new_install_of_an_account_is_not_ended_for_the_former_one(
    installs: Installs,
) -> None:
    former = await keep(installs, "T1")
    number = await keep(installs, "T1", "anew")
    assert number > former
    assert await installs.end("T1", former) is None
    assert await installs.end("T2", number) is None
    assert [(one.number, one.token) for one in await installs.listed()] == [(number, "anew")]


async def test_an_end_names_the_turns_of_its_account_and_fails_their_replies_alone(
    home: House, installs: Installs
) -> None:
    number = await keep(installs, "T1")
    await keep(installs, "T2")
    turn = (await home.say("hello", CHAT)).turn_id
    await home.say("hello", ChatRef("slack", "T2", "D1"))
    assert await installs.end("T1", number) == [turn]
    assert await home.rows(OPEN) == [("failed", "uninstalled"), ("pending", "")]


async def test_what_waited_before_an_install_is_said_to_nobody_and_what_came_since_is(
    home: House, installs: Installs
) -> None:
    await home.say("weeks ago", CHAT)
    await keep(installs, "T1")
    assert await home.rows(OPEN) == [("failed", "uninstalled")]
    await home.say("today", ChatRef("slack", "T1", "D2"))
    await keep(installs, "T1")  # once more, while it is installed
    assert await home.rows(OPEN) == [("failed", "uninstalled"), ("pending", "")]


async def test_who_drives_a_reply_when_its_account_ends_writes_nothing_more(
    home: House, installs: Installs
) -> None:
    number = await keep(installs, "T1")
    turn = (await home.say("hello", CHAT)).turn_id
    account = home.service.accounts.get("slack", "T1")
    [driven] = await home.delivery.deliveries.claim([account.id], 1)
    await installs.end("T1", number)
    await home.delivery.deliveries.end(driven, "done")
    assert not await home.delivery.deliveries.put_off(driven, 60.0, "late")
    assert await home.rows(OPEN) == [("failed", "uninstalled")]
    assert driven.turn_id == turn


async def test_a_seal_is_renewed_on_the_token_that_it_was_read_from_alone(
    installs: Installs,
) -> None:
    await keep(installs, "T1")
    [before] = await installs.listed()
    assert await installs.reseal(before, "anew")
    assert not await installs.reseal(before, "too late")
    assert [one.token for one in await installs.listed()] == ["anew"]


async def test_a_reply_whose_channel_was_closed_after_it_was_claimed_ends_in_words(
    home: House,
) -> None:
    account = home.service.accounts.get("slack", "T1")
    home.delivery.channels.open(home.screen, account)  # claimed for, and not open for its chat
    await home.say("hello", CHAT)

    async def ended() -> bool:
        return await home.rows(OPEN) == [("failed", "account_closed")]

    await until(ended)
