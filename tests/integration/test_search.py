"""What was said is found by its words, also by misspelt ones, and by who, where and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from assistant.errors import ContentClosed, SearchRefused
from assistant.insight.search import PAGE, Wanted
from assistant.messages import ChatRef, Edited
from assistant.storage.search_entries import SearchEntries
from inference.api import ChatMessage, Sampling
from tests.support.finding import (
    ADMIN,
    enter,
    found,
    looked_for,
    noted,
    reading_of,
    words_known,
    words_there,
)
from tests.support.house import CHAT, House, house, running, until, working
from tests.support.orders import GROUP, answered, asked, press, quick

ELSEWHERE = ChatRef("telegram", "default", "43")
ANA, BEN = {"sender_name": "Ana"}, {"sender_id": "8", "sender_name": "Ben"}


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built, working(built.worker(quick())):
        yield built


async def turn(home: House, text: str, chat: ChatRef = CHAT, **values: str) -> int:
    return (await asked(home, text, chat, **values))[0]


FEW_AT_ONCE = """
CREATE FUNCTION few_at_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF (SELECT count(*) FROM came) > 2 THEN
        RAISE EXCEPTION 'it took too long' USING ERRCODE = 'query_canceled';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER few_at_once AFTER INSERT ON search_entries REFERENCING NEW TABLE AS came
FOR EACH STATEMENT EXECUTE FUNCTION few_at_once();
"""


async def test_more_than_the_database_enters_in_time_is_entered_in_smaller_batches(
    home: House,
) -> None:
    turns = {await turn(home, f"Question {number}") for number in range(5)}
    await home.database.rows(FEW_AT_ONCE)

    async def all_entered() -> bool:
        rows = await home.database.rows("SELECT turn_id FROM search_entries")
        return {row.turn_id for row in rows} == turns

    async with running(asyncio.create_task(SearchEntries(home.database, batch=5).run())):
        await until(all_entered)


# Words


async def test_a_question_is_found_by_its_words_in_any_order_and_case(home: House) -> None:
    herons = await turn(home, "Where do HERONS sleep, in „Österreich“?")
    await turn(home, "What is a tram?")
    for typed in ("herons", "sleep heron", "osterreich", '"herons sleep"', "heron -tram"):
        assert await found(home, typed) == [herons], typed
    for typed in ("sleeping", '"sleep herons"', "heron tram", "heron -sleep"):
        assert await found(home, typed) == [], typed


async def test_an_answer_is_found_as_well(home: House) -> None:
    one = await turn(home, "Tell me something")
    reply, _ = await home.answer(one)
    word = max(reply.split(), key=len)
    assert await found(home, word) == [one]
    (hit,) = (await looked_for(home, word)).hits
    assert any(piece.marked for piece in hit.reply)


@pytest.mark.parametrize("typed", ["captial", "acpital", "kapital", "capitol", "capitall"])
async def test_a_word_that_was_misspelt_finds_what_was_meant(home: House, typed: str) -> None:
    one = await turn(home, "The capital of France?")
    await turn(home, "What is a tram?")
    await enter(home)
    result = await looked_for(home, typed)
    assert [hit.turn_id for hit in result.hits] == [one]
    assert result.similar == {typed: ["capital"]}
    assert [piece.text for piece in result.hits[0].asked if piece.marked] == ["capital"]


async def test_also_one_that_is_not_written_in_latin_letters(home: House) -> None:
    one = await turn(home, "ما هي عاصمة فرنسا؟")
    assert await found(home, "عاصمه") == [one]
    assert await found(home, "عاصمة") == [one]


async def test_what_is_written_without_spaces_is_found_by_a_part_of_it(home: House) -> None:
    one = await turn(home, "日本の首都は東京です")
    assert await found(home, "首都") == [one]
    assert await found(home, "京東") == []


async def test_the_name_and_the_text_of_a_file_are_found(home: House) -> None:
    one = await turn(home, "Look at this")
    await home.rows(
        "INSERT INTO attachments (message_id, position, kind, name, media_type, width, height,"
        " characters, text) SELECT max(id), 0, 'text', 'cormorant.txt', '', 0, 0, 9, 'A kingfisher'"
        " FROM messages"
    )
    assert await found(home, "cormorant") == [one]
    assert await found(home, "kingfisher") == [one]


HOSTILE = ("'; DROP TABLE turns; --", "x' | 'y", "\\", "a:*", "%(query)s", "<script>", "\x00z")


@pytest.mark.parametrize("typed", HOSTILE)
async def test_what_is_typed_is_words_and_never_sql(home: House, typed: str) -> None:
    one = await turn(home, "About herons")
    try:
        await looked_for(home, typed, person=typed)
    except SearchRefused:
        pass
    assert await found(home, "herons") == [one]


# Who, where and when


async def test_by_person_channel_conversation_and_time(home: House) -> None:
    ours = await turn(home, "Herons here", **ANA)
    theirs = await turn(home, "Herons there", ELSEWHERE, **BEN)
    where = "SELECT conversation_id FROM turns WHERE id = %(turn)s"
    ((conversation,),) = await home.rows(where, {"turn": theirs})
    ((account,),) = await home.rows("SELECT id FROM accounts WHERE channel = 'telegram'")
    ((web,),) = await home.rows("SELECT id FROM accounts WHERE channel = 'web'")
    assert await found(home) == [theirs, ours]
    assert await found(home, person="ben") == [theirs]
    assert await found(home, "herons", person="Ana") == [ours]
    assert await found(home, person="Nobody") == []
    assert await found(home, conversation=conversation) == [theirs]
    assert await found(home, accounts=[account]) == [theirs, ours]
    assert await found(home, "herons", accounts=[web]) == []
    now = datetime.now(UTC)
    assert await found(home, since=now - timedelta(minutes=5)) == [theirs, ours]
    assert await found(home, since=now + timedelta(minutes=5)) == []
    assert await found(home, "herons", until=now - timedelta(minutes=5)) == []


async def test_a_name_is_found_also_where_it_was_misspelt(home: House) -> None:
    one = await turn(home, "Hello", sender_name="Grzegorz Brzęczyszczykiewicz")
    assert await found(home, person="Gregorz") == [one]
    assert await found(home, person="100%") == []


async def test_by_thumbs_persona_and_failure(home: House) -> None:
    good, bad = await turn(home, "Herons one"), await turn(home, "Herons two", ELSEWHERE)
    await home.service.press(press("up", good))
    await home.service.press(press("down", bad, chat=ELSEWHERE))
    await home.rows("UPDATE turns SET state = 'failed' WHERE id = %(turn)s", {"turn": bad})
    values = {"turn": good}
    await home.rows("UPDATE turns SET persona = 'teacher' WHERE id = %(turn)s", values)
    assert await found(home, thumb=1) == [good]
    assert await found(home, "herons", thumb=-1) == [bad]
    assert await found(home, failed=True) == [bad]
    assert await found(home, persona="teacher") == [good]
    (hit,) = (await looked_for(home, thumb=1)).hits
    assert (hit.up, hit.down, hit.person, hit.channel) == (1, 0, "Ana", "telegram")


async def test_pages_follow_each_other_without_a_gap_or_a_repetition(home: House) -> None:
    await turn(home, "About herons")
    await home.rows(
        "INSERT INTO turns (conversation_id, person_id, state, finished_at, created_at)"
        " SELECT conversation_id, person_id, 'done', now(), now() - n % 3 * interval '1 hour'"
        " FROM turns, generate_series(1, 60) AS n"
    )
    await home.rows(
        "INSERT INTO turn_messages SELECT turns.id, messages.id FROM turns, messages"
        " ON CONFLICT DO NOTHING"
    )
    await enter(home)
    for text in ("", "herons"):
        seen: list[int] = []
        before, pages = None, 0
        while pages < 10:
            page = await looked_for(home, text, before=before)
            seen += [hit.turn_id for hit in page.hits]
            pages += 1
            before = page.following
            if before is None:
                break
        assert len(seen) == len(set(seen)) == 61
        assert pages == 61 // PAGE + 1


# What comes and goes


async def test_what_was_said_over_the_api_is_found_and_who_asks_by_it(home: House) -> None:
    chat = ChatRef("api", "default", "request-1")
    accepted = await home.service.accept_request(
        chat, [ChatMessage("user", "About herons")], Sampling()
    )
    await home.answer(accepted.turn_id)
    assert await found(home, "herons") == [accepted.turn_id]


async def test_an_edited_question_is_found_by_its_new_words_alone(home: House) -> None:
    accepted = await home.say("About herons")
    await home.answer(accepted.turn_id)
    assert await found(home, "herons") == [accepted.turn_id]
    (message,) = (await home.rows("SELECT platform_message_id FROM messages"))[0]
    await home.service.edit(Edited(CHAT, "edit-1", message, "7", "About storks"))
    assert await found(home, "herons") == []
    await until(lambda: all_over(home))
    assert len(await found(home, "storks")) == 1
    assert await found(home, "herons") == []
    assert await words_known(home) == await words_there(home)


async def all_over(home: House) -> bool:
    return not await home.rows("SELECT FROM turns WHERE state IN ('queued', 'running')")


async def test_a_forgotten_message_is_found_by_no_word_of_it(home: House) -> None:
    accepted = await home.say("About herons", message_id="77")
    await home.answer(accepted.turn_id)
    assert await found(home, "herons") == [accepted.turn_id]
    await answered(home, "forget", about="77")
    assert await found(home, "herons") == []
    assert "herons" not in await words_known(home)
    assert await words_known(home) == await words_there(home)


async def test_every_word_counts_the_entries_that_have_it(home: House) -> None:
    for text in ("herons and storks", "Herons, herons!", "12345 ab"):
        await turn(home, text)
    await enter(home)
    known = await words_known(home)
    assert (known["herons"], known["storks"]) == (2, 1)
    assert known.keys().isdisjoint({"12345", "ab"})
    assert known == await words_there(home)


async def test_an_entry_is_made_once_and_none_of_what_is_not_over(home: House) -> None:
    await turn(home, "About herons")
    assert await enter(home) == 1
    assert await enter(home) == 0
    await home.rows("UPDATE turns SET state = 'queued', place = id")
    await home.rows("DELETE FROM search_entries")
    assert await enter(home) == 0


async def test_what_ended_a_moment_before_what_is_entered_is_found_too(home: House) -> None:
    """It may be committed later than another that ended after it."""
    first, second = await turn(home, "About herons"), await turn(home, "About storks")
    await enter(home)
    await home.rows("DELETE FROM search_entries WHERE turn_id = %(turn)s", {"turn": first})
    assert await found(home) == [second, first]


async def test_experiments_of_admins_are_not_found(home: House) -> None:
    one = await turn(home, "About herons")
    await home.rows("UPDATE accounts SET channel = 'admin' WHERE channel = 'telegram'")
    assert await found(home, "herons") == []
    await home.rows("UPDATE accounts SET channel = 'telegram' WHERE channel = 'admin'")
    assert await found(home, "herons") == [one]


# What may be read


async def test_without_words_nothing_is_read_and_with_words_it_is_noted(home: House) -> None:
    one = await turn(home, "About herons", **ANA)
    await enter(home)
    (hit,) = (await looked_for(home)).hits
    assert (hit.asked, hit.reply) == ([], [])
    assert await noted(home, "conversations.searched") == []
    await looked_for(home, "herons", person="Ana")
    ((name, target, told),) = await noted(home, "conversations.searched")
    assert (name, target) == ("root", "conversations")
    assert told == {"text": "herons", "person": "Ana", "turns": [one]}


async def test_where_only_metadata_may_be_seen_words_find_nothing(home: House) -> None:
    one = await turn(home, "About herons")
    await enter(home)
    closed = reading_of(home, home.settings.model_copy(update={"content_access": "metadata"}))
    with pytest.raises(ContentClosed, match="content_access"):
        await closed.find(Wanted("herons"), ADMIN)
    (hit,) = (await closed.find(Wanted(), ADMIN)).hits
    assert (hit.turn_id, hit.readable, hit.asked, hit.reply) == (one, False, [], [])


async def test_with_consent_no_word_of_anybody_else_is_told(home: House) -> None:
    await turn(home, "My password is hunterx", ELSEWHERE, **BEN)
    await turn(home, "About hunters", **ANA)
    await enter(home)
    by_consent = reading_of(home, home.settings.model_copy(update={"content_access": "consent"}))
    assert (await by_consent.find(Wanted("hunterz"), ADMIN)).similar == {}
    await answered(home, "privacy", "allow")
    found = await by_consent.find(Wanted("hunterz"), ADMIN)
    assert found.similar == {"hunterz": ["hunters"]}
    everything = reading_of(home, home.settings)
    assert "hunterx" in (await everything.find(Wanted("hunterz"), ADMIN)).similar["hunterz"]


async def test_with_consent_only_private_chats_of_who_gave_it_are_found(home: House) -> None:
    ours = await turn(home, "Herons here", **ANA)
    await turn(home, "Herons there", ELSEWHERE, **BEN)
    await turn(home, "Herons in the group", GROUP, **ANA)
    await enter(home)
    by_consent = reading_of(home, home.settings.model_copy(update={"content_access": "consent"}))

    async def hits() -> list[int]:
        return [hit.turn_id for hit in (await by_consent.find(Wanted("herons"), ADMIN)).hits]

    assert await hits() == []
    await answered(home, "privacy", "allow")
    assert await hits() == [ours]
    assert sum(hit.readable for hit in (await by_consent.find(Wanted(), ADMIN)).hits) == 1
    await answered(home, "privacy", "deny")
    assert await hits() == []
