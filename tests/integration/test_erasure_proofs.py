"""Erasing with proof: what there was, that nothing was left, and nothing at all where it was."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from assistant.messages import ChatRef
from assistant.orders.erasure import Erasure
from assistant.orders.erasure_proofs import ErasureIncomplete, ErasureProofs, counting
from assistant.storage.tables import metadata
from tests.support.finding import ADMIN, enter, found, noted, words_known, words_there
from tests.support.house import CHAT, House, house, working
from tests.support.orders import GROUP, asked, press, quick
from tests.support.traces import tables_with

BEN = {"sender_id": "8", "sender_name": "Ben"}


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built, working(built.worker(quick())):
        yield built


def proofs(home: House) -> ErasureProofs:
    return ErasureProofs(home.database, Erasure(home.database, home.redis))


async def conversation(home: House, chat: ChatRef = CHAT) -> int:
    ((found,),) = await home.rows(
        "SELECT id FROM conversations WHERE chat_id = %(chat)s", {"chat": chat.chat_id}
    )
    return int(found)


async def test_of_a_conversation_it_says_what_fell_and_that_nothing_was_left(home: House) -> None:
    turn, _ = await asked(home, "About the quetzal")
    await home.service.press(press("up", turn))
    await asked(home, "About storks", GROUP, **BEN)
    await enter(home)
    where = await conversation(home)
    proof = await proofs(home).conversation(where, ADMIN)
    assert proof is not None
    assert (proof.kind, proof.target, proof.erased_by) == ("conversation", where, "root")
    once = {"conversations", "messages", "turns", "turn_messages", "feedback", "search_entries"}
    assert {name for name, count in proof.before.items() if count == 1} >= once
    assert proof.before["events"] == 2  # the message, and the press
    assert proof.after == {}
    named = "\n".join([CHAT.channel, CHAT.account, CHAT.chat_id, CHAT.thread_id])
    assert proof.digest == hashlib.sha256(named.encode()).hexdigest()
    assert await proofs(home).left(proof) == {}
    assert await tables_with(home.database, "quetzal") == {}
    assert await found(home, "storks") != []
    assert await words_known(home) == await words_there(home)
    told = {"proof": proof.id}
    assert await noted(home, "conversation.erased") == [("root", f"conversation:{where}", told)]
    assert await proofs(home).newest() == [proof]


async def test_of_a_person_it_counts_what_is_theirs_and_leaves_the_others(home: House) -> None:
    await asked(home, "About the quetzal")
    await asked(home, "The quetzal again", GROUP)
    theirs, _ = await asked(home, "About storks", GROUP, **BEN)
    await enter(home)
    ((ana,),) = await home.rows("SELECT person_id FROM identities WHERE platform_id = '7'")
    proof = await proofs(home).person(ana, ADMIN)
    assert proof is not None
    assert proof.after == {}
    counted = {name: proof.before[name] for name in ("persons", "identities", "messages", "turns")}
    assert counted == {"persons": 1, "identities": 1, "messages": 2, "turns": 2}
    assert await tables_with(home.database, "quetzal") == {}
    assert await found(home, "storks") == [theirs]
    assert await words_known(home) == await words_there(home)
    assert await proofs(home).left(proof) == {}


async def test_who_asked_together_with_one_who_is_erased_is_still_found(home: House) -> None:
    turn, _ = await asked(home, "About the quetzal", GROUP)
    other = await home.say("About storks", GROUP, **BEN)
    await home.answer(other.turn_id)
    await home.rows("UPDATE turn_messages SET turn_id = %(turn)s", {"turn": turn})
    await enter(home)
    ((ana,),) = await home.rows("SELECT person_id FROM identities WHERE platform_id = '7'")
    await proofs(home).person(ana, ADMIN)
    assert await found(home, "quetzal") == []
    assert turn in await found(home, "storks")
    assert await words_known(home) == await words_there(home)


async def test_where_something_would_be_left_nothing_is_erased(home: House) -> None:
    turn, _ = await asked(home, "About herons")
    where = await conversation(home)
    # A table that no foreign key ties any more, as a later change might leave it.
    ((tie,),) = await home.rows(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'attempts'::regclass AND contype = 'f'"
    )
    await home.rows(f"ALTER TABLE attempts DROP CONSTRAINT {tie}")
    with pytest.raises(ErasureIncomplete, match="attempts"):
        await proofs(home).conversation(where, ADMIN)
    assert await home.rows("SELECT FROM turns WHERE id = %(turn)s", {"turn": turn})
    assert await home.rows("SELECT FROM audit_log") == []
    assert await proofs(home).newest() == []


async def test_of_what_is_not_there_is_no_proof(home: House) -> None:
    assert await proofs(home).conversation(4711, ADMIN) is None
    assert await proofs(home).person(4711, ADMIN) is None
    assert await proofs(home).newest() == []
    assert await proofs(home).one(1) is None


def test_every_table_that_falls_with_a_conversation_is_counted() -> None:
    tied, grown = {"conversations"}, True
    while grown:
        falling = {
            table.name
            for table in metadata.sorted_tables
            for key in table.foreign_keys
            if key.column.table.name in tied and key.ondelete == "CASCADE"
        }
        grown = not falling <= tied
        tied |= falling
    counted = counting(["conversations", "turns", "messages"])
    assert {name for name in tied if f"AS {name}" not in counted} == set()
