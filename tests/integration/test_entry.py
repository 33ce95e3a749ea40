"""Who may talk changes while Outrider runs, as admins decide it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from assistant.accounts import Account
from assistant.errors import MessageRefused
from assistant.messages import ChatRef
from tests.support.decided import look_again
from tests.support.house import CHAT, House, house

GROUP = replace(CHAT, chat_id="-100", kind="group")
WEB = ChatRef("web", "default", "cookie")


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


def account(home: House) -> Account:
    return home.service.accounts.get("telegram", "default")


async def decided(home: House, statement: str) -> None:
    await home.rows(statement, {"account": account(home).id})
    look_again(home)


async def refusal(home: House, chat: ChatRef = CHAT, **who: str) -> str:
    with pytest.raises(MessageRefused) as refused:
        await home.say("Hello", chat, **who)
    return refused.value.phrase.key


async def test_an_open_account_is_closed_and_opened_again(home: House) -> None:
    await home.say("Hello")
    await decided(home, "INSERT INTO account_access VALUES (%(account)s, 'allowlist')")
    assert await refusal(home) == "refused.allowlist"
    await decided(home, "UPDATE account_access SET access = 'pairing'")
    assert await refusal(home) == "refused.pairing"
    await decided(home, "DELETE FROM account_access")
    await home.say("Hello")


async def test_a_person_or_a_group_on_the_list_may_talk(home: House) -> None:
    await decided(home, "INSERT INTO account_access VALUES (%(account)s, 'allowlist')")
    assert await refusal(home) == "refused.allowlist"
    await decided(home, "INSERT INTO allowlist VALUES (%(account)s, '7')")
    await home.say("Hello")
    assert await refusal(home, GROUP, sender_id="8") == "refused.allowlist"
    await decided(home, "INSERT INTO allowlist VALUES (%(account)s, '-100')")
    await home.say("Hello", GROUP, sender_id="8")
    await decided(home, "DELETE FROM allowlist")
    assert await refusal(home) == "refused.allowlist"


async def test_who_is_blocked_is_kept_out_of_the_web_page_too(home: House) -> None:
    who = {"sender_id": "cookie", "sender_name": ""}
    await home.say("Hello", WEB, **who)
    await decided(home, "UPDATE identities SET access = 'blocked'")
    assert await refusal(home, WEB, **who) == "refused.blocked"
    await home.say("Hello", replace(WEB, chat_id="another"), sender_id="another", sender_name="")
