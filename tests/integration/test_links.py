"""By a code a person shows on another channel that they are the same one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from assistant.answering.turns import Claimant, Outcome
from assistant.messages import ChatRef, Command
from assistant.phrases import Phrase, say
from tests.support.house import CHAT, House, house

OTHER = ChatRef("web", "default", "cookie")
GROUP = replace(CHAT, chat_id="-100", kind="group")


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


async def told(
    home: House, argument: str = "", chat: ChatRef = CHAT, sender: str = "7", name: str = "link"
) -> str:
    command = Command(chat, name, sender, f"Person {sender}", argument=argument)  # type: ignore[arg-type]
    return (await home.service.command(command)).text


async def there(home: House, argument: str = "", name: str = "link") -> str:
    return await told(home, argument, OTHER, "cookie", name)


async def code_of(home: House) -> str:
    said = await told(home)
    found = re.search(r"/link ([A-Z2-9]{8})\b", said)
    assert found, said
    return found[1]


async def answered(home: House, chat: ChatRef, sender: str) -> None:
    await home.say("Hello", chat, sender_id=sender, sender_name=f"Person {sender}")
    (turn,) = await home.turns.claim(Claimant("worker", 10.0, "model"), 1)
    await home.turns.finish(turn, Outcome("done", "Yes.", prompt_tokens=90, output_tokens=5))


async def persons(home: House) -> list[int]:
    return [id for (id,) in await home.rows("SELECT DISTINCT person_id FROM identities")]


async def test_a_code_makes_one_person_of_two_with_all_that_is_theirs(home: House) -> None:
    await answered(home, CHAT, "7")
    await answered(home, OTHER, "cookie")
    await told(home, "I live in Lisbon", name="memory")
    await there(home, "I like the sea", name="memory")
    await there(home, "de", name="lang")
    said = await there(home, (await code_of(home)).lower())
    assert said == say(Phrase("link.done", {"where": "Ana (telegram)"}), "de").replace(
        "Ana", "Person 7"
    )
    assert len(await persons(home)) == 1
    assert await home.rows("SELECT count(*) FROM persons") == [(1,)]
    memories = (await told(home, name="memory")).splitlines()
    assert memories[1:3] == ["1. I live in Lisbon", "2. I like the sea"]
    assert await home.rows(
        "SELECT sum(turns) AS turns, sum(messages) AS messages FROM usage_days"
    ) == [(2, 2)]
    assert await home.rows("SELECT count(*) FROM turns WHERE person_id IS NULL") == [(0,)]
    assert (await told(home, name="usage")).splitlines()[1].startswith("Heute (UTC): 2 ")


async def test_where_both_used_the_same_day_in_one_place_it_is_added_up(home: House) -> None:
    await answered(home, CHAT, "7")
    await answered(home, replace(CHAT, chat_id="8"), "8")
    await told(home, await code_of(home), replace(CHAT, chat_id="8"), "8")
    rows = await home.rows("SELECT turns, messages, prompt_tokens FROM usage_days")
    assert rows == [(2, 2, 180)]


async def test_a_code_is_good_for_once_and_not_for_ever(home: House) -> None:
    unknown = say(Phrase("link.unknown"), "en")
    code = await code_of(home)
    assert await told(home, code) == say(Phrase("link.already"), "en")
    assert await there(home, code) == unknown
    code = await code_of(home)
    await home.rows("UPDATE link_codes SET expires_at = now()")
    assert await there(home, code) == unknown
    former = await code_of(home)
    assert former != await code_of(home)
    assert await there(home, former) == unknown
    assert len(await persons(home)) == 2


async def test_the_code_itself_is_stored_nowhere(home: House) -> None:
    code = await code_of(home)
    ((row,),) = await home.rows("SELECT link_codes::text FROM link_codes")
    assert code not in str(row)


async def test_who_is_blocked_on_either_side_is_linked_with_nobody(home: House) -> None:
    code = await code_of(home)
    await told(home, name="lang", argument="en")
    await home.rows("UPDATE identities SET access = 'blocked'")
    assert await there(home, code) == say(Phrase("link.refused"), "en")


async def test_no_code_is_shown_in_a_group(home: House) -> None:
    assert await told(home, chat=GROUP) == say(Phrase("link.private_only"), "en")
    assert await home.rows("SELECT FROM link_codes") == []


async def test_a_link_is_undone_and_what_was_used_on_an_account_goes_with_it(home: House) -> None:
    await answered(home, CHAT, "7")
    assert await told(home, "off") == say(Phrase("link.alone"), "en")
    await there(home, await code_of(home))
    await answered(home, OTHER, "cookie")
    await answered(home, OTHER, "cookie")
    assert await there(home, "off") == say(Phrase("link.off"), "en")
    assert len(await persons(home)) == 2
    assert await there(home, name="memory") == say(Phrase("memory.none"), "en")
    assert "messages 1" in await told(home, name="usage")
    assert "messages 2" in await there(home, name="usage")


async def test_nobody_gets_a_new_quota_by_linking_and_parting(home: House) -> None:
    await answered(home, CHAT, "7")
    ((person,),) = await home.rows("SELECT id FROM persons")
    await home.rows(
        "INSERT INTO quotas (subject, person_id, messages_per_day) VALUES (%(subject)s, %(id)s, 1)",
        {"subject": f"person:{person}", "id": person},
    )
    found = re.search(r"/link ([A-Z2-9]{8})", await there(home))
    assert found
    await told(home, found[1])
    assert await told(home, "off") == say(Phrase("link.off"), "en")
    assert "messages 1" in await told(home, name="usage")
    limits = await home.rows("SELECT messages_per_day FROM quotas ORDER BY id")
    assert limits == [(1,), (1,)], "it holds for both"


async def test_of_two_quotas_the_stricter_holds(home: House) -> None:
    await answered(home, CHAT, "7")
    await answered(home, OTHER, "cookie")
    await home.rows(
        "INSERT INTO quotas (subject, person_id, tokens_per_day, messages_per_day)"
        " SELECT 'person:' || person_id, person_id,"
        " CASE platform_id WHEN '7' THEN 1000 ELSE 10 END,"
        " CASE platform_id WHEN '7' THEN 5 END FROM identities"
    )
    await there(home, await code_of(home))
    rows = await home.rows("SELECT tokens_per_day, messages_per_day FROM quotas")
    assert rows == [(10, 5)]


async def test_what_they_thought_of_a_persona_still_counts_for_it(home: House) -> None:
    await answered(home, CHAT, "7")
    await answered(home, OTHER, "cookie")
    await home.rows(
        "INSERT INTO feedback (turn_id, person_id, value, persona, persona_version)"
        " SELECT turns.id, person_id, 1, 'teacher', 3 FROM turns"
        " WHERE person_id = (SELECT person_id FROM identities WHERE platform_id = 'cookie')"
    )
    await there(home, await code_of(home))
    assert await home.rows("SELECT persona, persona_version FROM feedback") == [("teacher", 3)]


@pytest.mark.parametrize("temporary", [False, True])
async def test_the_first_ones_own_quota_stays_theirs_and_one_is_taken_over_where_they_had_none(
    home: House, temporary: bool
) -> None:
    await answered(home, CHAT, "7")
    await answered(home, OTHER, "cookie")
    until = "now() + interval '1 hour'" if temporary else "NULL"
    await home.rows(
        "INSERT INTO quotas (subject, person_id, temporary, until, tokens_per_day)"
        f" SELECT 'person:' || person_id, person_id, {temporary}, {until}, 1000 FROM identities"
        " WHERE platform_id = 'cookie'"
    )
    await there(home, await code_of(home))
    (one,) = await persons(home)
    rows = await home.rows("SELECT subject, person_id, tokens_per_day FROM quotas")
    assert rows == [(f"person:{one}", one, 1000)]
