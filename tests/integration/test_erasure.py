"""Erasing leaves no trace: a planted word stands in no table and in no Redis key any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from assistant.messages import ChatRef
from assistant.orders.erasure import Erasure
from assistant.signals import STOPS, StopSignal
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.finding import enter
from tests.support.house import FAST, House, house, until, working
from tests.support.traces import keys_with, plant, rows_of, tables_with, tables_with_text

WORD = "quetzal"
OTHER = "capybara"  # the neighbour's word
PRIVATE = ChatRef("telegram", "default", f"{WORD}-42", f"{WORD}-topic")
NEIGHBOUR = ChatRef("telegram", "default", f"{OTHER}-43")
GROUP = ChatRef("telegram", "default", "-100", kind="group")
BY_ANA = {"sender_id": f"{WORD}-7", "sender_name": f"Ana {WORD}"}
BY_BEN = {"sender_id": f"{OTHER}-8", "sender_name": f"Ben {OTHER}"}
LISTED = {  # columns that hold one of a few values
    *("identities.access", "conversations.kind", "messages.role", "turns.state"),
    *("deliveries.state", "delivery_intents.kind", "delivery_intents.state", "attachments.kind"),
    "broadcast_posts.state",
}
# What admins are and do is no person's word.
OF_ADMINS = {
    *("api_keys", "admins", "admin_sessions", "audit_log", "erasures"),
    *("account_access", "allowlist", "quotas", "live_settings", "experiments"),
    *("personas", "persona_versions", "canned_answers"),
}


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


def engine(**values: float) -> ScriptedEngine:
    return ScriptedEngine(ScriptedSettings(**{"tokens_per_second": 500.0, **values}))


def named(word: str, number: int) -> dict[str, str]:
    return {"event_id": f"{word}-event-{number}", "message_id": f"{word}-message-{number}"}


async def talk(home: House, chat: ChatRef, by: dict[str, str], word: str) -> None:
    """Two questions, answered and shown."""
    for number in (1, 2):
        said = await home.say(f"I like the {word}.", chat, **by, **named(word, number))
        await home.answer(said.turn_id)
    await until(lambda: _all_shown(home))
    await until(lambda: _all_recorded(home))


async def _all_shown(home: House) -> bool:
    return not await home.rows("SELECT FROM deliveries WHERE state <> 'done'")


async def _all_recorded(home: House) -> bool:
    """Of what was said and answered, also by whoever writes it a second later."""
    return not await home.rows(
        "SELECT FROM attempts LEFT JOIN traces ON traces.turn_id = attempts.turn_id"
        " AND attempt = number WHERE traces.ended_at IS NULL"
    ) and not await home.rows(
        "SELECT FROM messages LEFT JOIN arrivals ON message_id = messages.id"
        " WHERE message_id IS NULL"
    )


async def everywhere(home: House, *, but: tuple[str, ...] = ()) -> None:
    """Ana's word in each column of each table, and in Redis."""
    chat = PRIVATE.chat_id
    await home.rows(f"INSERT INTO penalties SELECT id, '{chat}', now() FROM accounts LIMIT 1")
    await home.rows(f"INSERT INTO leases VALUES ('chat:telegram:default:{chat}', 'me', now())")
    await home.rows(
        "INSERT INTO attachments (message_id, position, kind, name, media_type, width, height,"
        f" characters, text) SELECT min(id), 0, 'text', '{WORD}', '', 0, 0, 7, '{WORD}'"
        f" FROM messages WHERE text LIKE '%{WORD}%'"
    )
    await home.rows(
        "INSERT INTO memories (person_id, number, text)"
        f" SELECT id, 1, '{WORD}' FROM persons WHERE name LIKE '%{WORD}%'"
    )
    await home.rows(
        "INSERT INTO feedback (turn_id, person_id, value) SELECT turn_id, person_id, 1 FROM"
        " turn_messages JOIN messages ON messages.id = message_id JOIN identities"
        f" ON identities.id = identity_id WHERE text LIKE '%{WORD}%' ORDER BY turn_id LIMIT 1"
    )
    await home.rows("INSERT INTO broadcasts (text, sent_by) VALUES ('News', 'root')")
    await home.rows(
        "INSERT INTO broadcast_posts (broadcast_id, conversation_id, account_id) SELECT"
        " max(broadcasts.id), conversations.id, account_id FROM broadcasts, conversations"
        f" WHERE chat_id LIKE '%{WORD}%' GROUP BY conversations.id"
    )
    await enter(home)
    # Words stand there as they were written, by which they fall.
    kept = (*but, "search_words.word", "search_words.spelling")
    assert await plant(home.database, WORD, but=kept) == LISTED
    personal = await tables_with_text(home.database) - OF_ADMINS
    assert set(await tables_with(home.database, WORD)) == personal
    kinds = {name.split(":")[1] for name in await keys_with(home.redis, WORD)}
    assert kinds == {"deltas", "pace"}


async def no_trace(home: House) -> None:
    assert await tables_with(home.database, WORD) == {}
    assert await keys_with(home.redis, WORD) == []


async def test_of_an_erased_conversation_no_trace_is_left(home: House) -> None:
    async with working(home.worker(engine())):
        await talk(home, PRIVATE, BY_ANA, WORD)
        # Who waits to be paired is somebody whom an admin has to do with.
        await everywhere(home, but=("identities.pairing_code",))
        await talk(home, NEIGHBOUR, BY_BEN, OTHER)
        before = await rows_of(home.database, OTHER)
        assert await Erasure(home.database, home.redis).conversation(PRIVATE)
        await no_trace(home)
    assert await rows_of(home.database, OTHER) == before
    assert len(before["messages"]) == 2
    assert await keys_with(home.redis, OTHER)


async def test_of_an_erased_person_no_trace_is_left_on_any_channel(home: House) -> None:
    # With a thread that has the word already: planted, it would be another than its events'.
    web = ChatRef("web", "default", f"{WORD}-cookie-hash", f"{WORD}-thread")
    async with working(home.worker(engine())):
        await talk(home, PRIVATE, BY_ANA, WORD)
        said = await home.say(
            f"Still the {WORD}.", web, sender_id=web.chat_id, sender_name="", **named(WORD, 3)
        )
        await home.answer(said.turn_id)
        await home.rows("UPDATE identities SET person_id = (SELECT min(id) FROM persons)")
        await home.rows("DELETE FROM persons WHERE id <> (SELECT min(id) FROM persons)")
        await everywhere(home)
        await talk(home, NEIGHBOUR, BY_BEN, OTHER)
        before = await rows_of(home.database, OTHER)
        assert await Erasure(home.database, home.redis).person(await person(home, WORD))
        await no_trace(home)
    assert await rows_of(home.database, OTHER) == before


async def test_with_a_person_their_quota_and_their_place_on_a_list_go(home: House) -> None:
    await home.say("Hello", PRIVATE, **BY_ANA, **named(WORD, 1))
    ana = await person(home, WORD)
    await home.rows(f"INSERT INTO quotas (subject, person_id) VALUES ('person:{ana}', {ana})")
    await home.rows(
        "INSERT INTO allowlist (account_id, entry) SELECT account_id, platform_id FROM identities"
    )
    assert await Erasure(home.database, home.redis).person(ana)
    assert await home.rows("SELECT FROM quotas") == await home.rows("SELECT FROM allowlist") == []


async def test_by_erasing_their_conversation_nobody_gets_a_new_quota(home: House) -> None:
    await home.rows("INSERT INTO quotas (subject, messages_per_day) VALUES ('person:*', 100)")
    async with working(home.worker(engine())):
        await talk(home, PRIVATE, BY_ANA, WORD)
    assert await Erasure(home.database, home.redis).conversation(PRIVATE)
    assert await home.rows("SELECT messages FROM usage_days") == [(2,)]
    assert await home.rows("SELECT FROM messages") == []


async def test_what_was_used_in_an_erased_group_is_its_peoples_and_names_it_no_more(
    home: House,
) -> None:
    async with working(home.worker(engine())):
        await talk(home, GROUP, BY_ANA, WORD)
        await talk(home, PRIVATE, BY_ANA, f"{WORD}s")
    await home.rows(
        "INSERT INTO quotas (subject, account_id, chat, messages_per_day)"
        " SELECT 'chat:' || id || ':-100', id, '-100', 9 FROM accounts WHERE channel = 'telegram'"
    )
    assert await Erasure(home.database, home.redis).conversation(GROUP)
    assert await home.rows("SELECT chat, turns, messages FROM usage_days") == [("", 4, 4)]
    assert await home.rows("SELECT FROM quotas") == []


async def test_an_install_stays_and_no_longer_says_who_made_it(home: House) -> None:
    await home.say("Hello", PRIVATE, **BY_ANA, **named(WORD, 1))
    await home.rows(
        "INSERT INTO installs (account_id, token, title, installed_by) SELECT account_id, 'sealed',"
        f" 'A workspace', platform_id FROM identities WHERE platform_id LIKE '%{WORD}%'"
    )
    assert await Erasure(home.database, home.redis).person(await person(home, WORD))
    assert await home.rows("SELECT title, installed_by FROM installs") == [("A workspace", "")]


async def person(home: House, word: str) -> int:
    found = await home.rows(f"SELECT person_id FROM identities WHERE platform_id LIKE '%{word}%'")
    return int(str(found[0][0]))


async def test_a_web_conversation_takes_the_hash_of_its_cookie_with_it(home: House) -> None:
    web = ChatRef("web", "default", f"{WORD}-cookie-hash")
    async with working(home.worker(engine())):
        said = await home.say(
            f"The {WORD}!", web, sender_id=web.chat_id, sender_name="", **named(WORD, 1)
        )
        await home.answer(said.turn_id)
        assert len(await tables_with(home.database, WORD)) == 5
        assert await Erasure(home.database, home.redis).conversation(web)
        await no_trace(home)


async def test_in_a_group_only_the_erased_persons_part_goes(home: House) -> None:
    both = [
        await home.say(f"I saw a {WORD}.", GROUP, **BY_ANA, **named(WORD, 1)),
        await home.say(f"And I a {OTHER}.", GROUP, **BY_BEN, **named(OTHER, 1)),
    ]
    assert both[1].joined
    async with working(home.worker(engine())):
        await home.answer(both[0].turn_id)
        bens = await home.say("What do they eat?", GROUP, **BY_BEN, **named(OTHER, 2))
        answer, _ = await home.answer(bens.turn_id)
        anas = await home.say("Who eats them?", GROUP, **BY_ANA, **named(WORD, 2))
        await home.answer(anas.turn_id)
        last = await home.say(f"Thanks! {WORD}", GROUP, **BY_ANA, **named(WORD, 3))
        await home.answer(last.turn_id)
        await until(lambda: _all_shown(home))
        await home.rows(
            f"UPDATE deliveries SET reply_to = '{WORD}-message-1' WHERE turn_id ="
            f" {both[0].turn_id}",
        )
        assert await Erasure(home.database, home.redis).person(await person(home, WORD))
    # What a group's event says is its id alone.
    assert set(await tables_with(home.database, WORD)) == {"events"}
    assert await keys_with(home.redis, WORD) == []
    assert await home.rows("SELECT id, state, reply FROM turns ORDER BY id") == [
        (both[0].turn_id, "done", ""),
        (bens.turn_id, "done", answer),
    ]
    assert await home.rows("SELECT reply_to FROM deliveries ORDER BY turn_id") == [
        (f"{OTHER}-message-1",),
        (f"{OTHER}-message-2",),
    ]
    assert len(await home.rows("SELECT FROM messages")) == 2


async def test_what_runs_in_the_group_starts_again_without_the_erased_words(home: House) -> None:
    slow = engine(tokens_per_second=20.0, answer_tokens=60)
    async with working(home.worker(slow)):
        running = await home.say(f"A {WORD}!", GROUP, **BY_ANA, **named(WORD, 1))
        assert (await home.say("And?", GROUP, **BY_BEN, **named(OTHER, 1))).joined
        await until(lambda: _has_reply(home))
        waiting = await home.say("Well?", GROUP, **BY_BEN, **named(OTHER, 2))
        assert waiting.turn_id != running.turn_id
        await Erasure(home.database, home.redis).person(await person(home, WORD))
        assert set(await tables_with(home.database, WORD)) == {"events"}
        assert await keys_with(home.redis, WORD) == []
        answer, last = await home.answer(running.turn_id)
        assert last.state == "done"
        assert answer.startswith("You wrote 1 message, the last one: Ben capybara: And?")
        await home.answer(waiting.turn_id)
        await until(lambda: _all_shown(home))
    assert WORD not in "".join(shown.text for shown in home.screen.chats[GROUP.chat_id])
    order = await home.rows("SELECT id FROM turns ORDER BY finished_at")
    assert order == [(running.turn_id,), (waiting.turn_id,)]


async def _has_reply(home: House) -> bool:
    return bool(await home.rows("SELECT FROM turns WHERE reply <> '' AND shown_at IS NOT NULL"))


async def test_erasing_a_conversation_ends_its_generation(
    database_url: str, redis_url: str
) -> None:
    endless = engine(tokens_per_second=50.0, answer_tokens=5000)
    # Some words are always on their way to Redis.
    settings = FAST.model_copy(update={"flush_seconds": 0.5})
    async with (
        house(database_url, redis_url, settings=settings) as home,
        working(home.worker(endless)),
    ):
        said = await home.say(f"Tell me all of the {WORD}.", PRIVATE, **BY_ANA, **named(WORD, 1))
        await until(lambda: _has_reply(home))
        assert endless.statistics().requests_running == 1
        told = asyncio.create_task(anext(home.signals.stops()))
        await until(lambda: _listeners(home, 2))
        assert await Erasure(home.database, home.redis).conversation(PRIVATE)
        await until(lambda: not endless.statistics().requests_running)
        await home.writer.flush()
        await no_trace(home)
        assert await told == StopSignal(said.turn_id, 1)
        async with asyncio.timeout(10):  # and who follows it comes to an end
            assert [delta async for delta in home.service.follow(said.turn_id)] == []
        # The chat is as one that never was.
        again = await home.say(f"Hi {WORD}", PRIVATE, **BY_ANA, **named(WORD, 1))
        assert not again.duplicate


async def _listeners(home: House, number: int) -> bool:
    return await home.redis.pubsub_numsub(STOPS) == [(STOPS, number)]


async def test_without_redis_the_tables_are_erased_all_the_same(home: House) -> None:
    async with working(home.worker(engine())):
        await talk(home, PRIVATE, BY_ANA, WORD)
    assert await Erasure(home.database, None).conversation(PRIVATE)
    assert await tables_with(home.database, WORD) == {}


@pytest.mark.parametrize("which", [10_000, PRIVATE])
async def test_what_is_not_there_is_not_erased(home: House, which: int | ChatRef) -> None:
    erasure = Erasure(home.database, home.redis)
    assert not await erasure.conversation(which)
    assert not await erasure.person(10_000)
