"""An edited, a deleted and a repeated question: answered in place, removed, asked again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from assistant.errors import MessageGone
from assistant.messages import ChatRef, Edited
from assistant.outgoing.deliveries import OpenDelivery
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.finding import enter, found, words_known, words_there
from tests.support.house import CHAT, House, house, incoming, until, working

GROUP = ChatRef("telegram", "default", "-5", "", "group")


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


def engine(pace: float = 200, tokens: int = 24, first: float = 0.0) -> ScriptedEngine:
    return ScriptedEngine(
        ScriptedSettings(tokens_per_second=pace, answer_tokens=tokens, first_token_seconds=first)
    )


def edited(message_id: str, words: str, event: str = "edit-1", chat: ChatRef = CHAT) -> Edited:
    return Edited(chat, event, message_id, "7", words)


WAITS_FOR_A_LOCK = """
SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


async def settled(home: House) -> bool:
    open_ones = await home.rows(
        "SELECT 1 FROM deliveries WHERE state IN ('pending', 'active', 'removing')"
    )
    live = await home.rows("SELECT 1 FROM turns WHERE state IN ('queued', 'running')")
    return not open_ones and not live


async def texts(home: House, chat: str = "42") -> list[str]:
    await until(lambda: settled(home))
    return [one.text for one in home.screen.chats[chat]]


async def test_an_edited_question_is_answered_again_in_the_same_message(home: House) -> None:
    async with working(home.worker(engine())):
        first = await home.say("About herons", message_id="500")
        old, _ = await home.answer(first.turn_id)
        await until(lambda: settled(home))
        await home.service.edit(edited("500", "About storks"))
        (shown,) = await texts(home)
    assert "storks" in shown and "herons" not in shown
    assert shown.startswith("You wrote 1 message")
    states = await home.rows("SELECT state, superseded_by, reply FROM turns ORDER BY id")
    assert states[0][:2] == ("done", first.turn_id + 1)
    assert states[0][2] == old, "superseded, not lost"
    assert [one.text for one in await home.service.history(CHAT)] == ["About storks", shown]


async def test_an_edit_in_mid_answer_ends_the_old_one_and_goes_on_in_the_same_message(
    home: House,
) -> None:
    model = engine(pace=20, tokens=200)
    async with working(home.worker(model)):
        await home.say("About herons", message_id="500")
        await until(lambda: home.screen.calls.count("edit") > 2)
        await home.service.edit(edited("500", "About storks"))
        await until(lambda: any("storks" in one.text for one in home.screen.chats["42"]))
        assert model.statistics().requests_running == 1, "the old generation has ended"
        newest = (await home.rows("SELECT max(id) FROM turns"))[0][0]
        assert isinstance(newest, int)
        await home.service.stop(newest)
        (shown,) = await texts(home)
    assert "storks" in shown and "herons" not in shown
    assert await home.rows("SELECT state, error_code FROM turns ORDER BY id") == [
        ("cancelled", "superseded"),
        ("stopped", ""),
    ]


async def test_an_edit_of_an_older_question_keeps_its_place_in_the_conversation(
    home: House,
) -> None:
    async with working(home.worker(engine())):
        first = await home.say("About herons", message_id="500")
        await home.answer(first.turn_id)
        second = await home.say("About ducks", message_id="501")
        await home.answer(second.turn_id)
        await until(lambda: settled(home))
        await home.service.edit(edited("500", "About storks"))
        shown = await texts(home)
        third = await home.say("And now?")
        reply, _ = await home.answer(third.turn_id)
    assert shown[0].startswith("You wrote 1 message"), "what came later is no history of it"
    assert "storks" in shown[0] and "ducks" in shown[1]
    assert reply.startswith("You wrote 3 messages")
    history = [one.text for one in await home.service.history(CHAT) if one.role == "user"]
    assert history == ["About storks", "About ducks", "And now?"]


async def test_a_shorter_answer_takes_the_further_messages_away(home: House) -> None:
    home.screen.piece_characters = 60
    async with working(home.worker(engine(tokens=60))):
        first = await home.say("About herons " * 8, message_id="500")
        await home.answer(first.turn_id)
        long = await texts(home)
    async with working(home.worker(engine(tokens=1))):
        await home.service.edit(edited("500", "Hm"))
        short = await texts(home)
    assert len(long) > len(short) >= 1
    assert "Hm" in "".join(short)


async def test_a_longer_answer_after_a_shorter_one_is_shown_whole(home: House) -> None:
    home.screen.piece_characters = 60
    for number, (tokens, words) in enumerate(
        [(60, "About herons " * 8), (1, "Hm"), (60, "About storks " * 8)]
    ):
        async with working(home.worker(engine(tokens=tokens))):
            if number:
                await home.service.edit(edited("500", words, event=f"edit-{number}"))
            else:
                await home.say(words, message_id="500")
            shown = await texts(home)
    (reply,) = (await home.rows("SELECT reply FROM turns ORDER BY id DESC LIMIT 1"))[0]
    assert len(shown) > 1 and "".join(shown) == reply


@pytest.mark.parametrize("position", [0, 1])
async def test_who_took_the_answer_away_and_asks_again_gets_one(home: House, position: int) -> None:
    home.screen.piece_characters = 60
    async with working(home.worker(engine(tokens=60))):
        first = await home.say("About herons " * 8, message_id="500")
        await texts(home)
        del home.screen.chats["42"][position]
        again = await home.service.retry(first.turn_id)
        shown = await texts(home)
    (reply,) = (await home.rows(f"SELECT reply FROM turns WHERE id = {again}"))[0]
    assert "".join(shown) == reply
    assert await home.service.retry(again) is not None, "and so once more"


async def test_an_answer_that_can_not_be_edited_any_more_makes_room_for_the_new_one(
    home: House,
) -> None:
    async with working(home.worker(engine())):
        first = await home.say("About herons", message_id="500")
        await texts(home)
        home.screen.edit_failures = [MessageGone("its time to be edited is over")]
        again = await home.service.retry(first.turn_id)
        shown = await texts(home)
        assert [one.id for one in home.screen.chats["42"]] == ["2"]
        assert again is not None
        # Its post is told to nobody who goes on from here.
        lost = "UPDATE delivery_intents SET state = 'sending', platform_message_id = ''"
        await home.rows(
            f"{lost} WHERE turn_id = {again} AND platform_message_id = '2' AND kind = 'placeholder'"
        )
        posts = await home.delivery.deliveries.posts(again)
    assert [post.message_id for post in posts] == [""], "not the one that was taken away"
    assert await home.rows(f"SELECT reply FROM turns WHERE id = {again}") == [(shown[0],)]


async def test_a_new_answer_that_somebody_deletes_is_not_posted_again_by_who_takes_over(
    home: House,
) -> None:
    async with working(home.worker(engine(pace=20, tokens=60))):
        first = await home.say("About herons", message_id="500")
        await texts(home)
        await home.service.retry(first.turn_id)
        began = home.screen.calls.count("edit")
        await until(lambda: home.screen.calls.count("edit") > began + 3)
        home.screen.chats["42"].clear()
        await home.rows("UPDATE deliveries SET lease_until = now() WHERE state = 'active'")
        home.delivery.look()
        assert await texts(home) == []
    assert await home.rows("SELECT attempt FROM deliveries ORDER BY turn_id DESC LIMIT 1") == [(2,)]


async def test_a_late_call_of_the_first_answer_has_the_third_shown_once_more(home: House) -> None:
    async with working(home.worker(engine())):
        first = await home.say("About herons", message_id="500")
        await texts(home)
        for number, words in enumerate(("About storks", "About ducks")):
            await home.service.edit(edited("500", words, event=f"edit-{number}"))
            await texts(home)
        claims = "SELECT turn_id, attempt FROM deliveries ORDER BY turn_id"
        before = dict(await home.rows(claims))
        finals = "SELECT id FROM delivery_intents WHERE turn_id = %(turn)s AND kind = 'final'"
        ((intent,),) = await home.rows(finals, {"turn": first.turn_id})
        one = OpenDelivery(first.turn_id, 1, first.turn_id, "", removing=False, chat=CHAT)
        await home.delivery.deliveries.late(one, intent)
        home.delivery.look()
        (shown,) = await texts(home)
    assert "ducks" in shown
    after = dict(await home.rows(claims))
    assert [after[turn] - before[turn] for turn in before] == [0, 0, 1]


async def test_an_edit_of_a_waiting_question_is_only_its_new_text(home: House) -> None:
    await home.say("About herons", message_id="500")
    await home.service.edit(edited("500", "About storks"))
    async with working(home.worker(engine())):
        (shown,) = await texts(home)
    assert "storks" in shown
    assert await home.rows("SELECT count(*) FROM turns") == [(1,)]


CLAIM = """
UPDATE turns SET state = 'running', attempt = 1, lease_owner = 'worker',
    lease_until = now() + interval '60 seconds' WHERE id = %(turn)s
"""


async def test_an_edit_in_the_moment_of_a_claim_replaces_what_was_claimed(home: House) -> None:
    """Whoever claims may have read the former words by the time of the edit's commit."""
    first = await home.say("About herons", message_id="500")
    async with home.database.transaction() as claiming:
        await claiming.execute(CLAIM.encode(), {"turn": first.turn_id})
        editing = asyncio.create_task(home.service.edit(edited("500", "About storks")))
        await until(lambda: home.rows(WAITS_FOR_A_LOCK))
    await editing
    async with working(home.worker(engine())):
        (shown,) = await texts(home)
    assert "storks" in shown
    assert await home.rows("SELECT state, error_code FROM turns ORDER BY id") == [
        ("cancelled", "superseded"),
        ("done", ""),
    ]


async def test_an_edit_that_comes_before_its_message_is_the_message(home: House) -> None:
    await home.service.edit(edited("500", "About storks"))
    late = await home.service.accept(incoming("About herons", message_id="500"))
    assert late.duplicate
    async with working(home.worker(engine())):
        (shown,) = await texts(home)
    assert "storks" in shown


async def test_an_edit_in_a_group_that_was_not_addressed_is_not_stored(home: House) -> None:
    await home.service.edit(edited("500", "About storks", chat=GROUP))
    assert await home.rows("SELECT count(*) FROM messages") == [(0,)]


async def test_the_same_edit_twice_answers_once(home: House) -> None:
    async with working(home.worker(engine())):
        first = await home.say("About herons", message_id="500")
        await home.answer(first.turn_id)
        for _ in range(3):
            await home.service.edit(edited("500", "About storks"))
        await texts(home)
    assert await home.rows("SELECT count(*) FROM turns") == [(2,)]


async def test_a_deleted_question_takes_its_answer_along(home: House) -> None:
    async with working(home.worker(engine())):
        first = await home.say("My secret", message_id="500")
        await home.answer(first.turn_id)
        await until(lambda: settled(home))
        await home.service.erase(CHAT, "500")
        assert await texts(home) == []
    assert await home.rows("SELECT state FROM deliveries") == [("removed",)]
    assert await home.rows("SELECT text FROM messages") == [("",)]
    assert await home.rows("SELECT reply FROM turns") == [("",)]
    assert await home.service.history(CHAT) == []


async def test_a_question_deleted_in_mid_answer_ends_it_and_takes_it_along(home: House) -> None:
    model = engine(pace=20, tokens=200)
    async with working(home.worker(model)):
        await home.say("My secret", message_id="500")
        await until(lambda: home.screen.calls.count("edit") > 2)
        await home.service.erase(CHAT, "500")
        await until(lambda: model.statistics().requests_running == 0)
        assert await texts(home) == []
    assert await home.rows("SELECT state, error_code FROM turns") == [("cancelled", "deleted")]


async def test_one_deleted_of_two_questions_is_answered_again_without_it(home: House) -> None:
    await home.say("About herons", message_id="500")
    await home.say("and storks", message_id="501")
    async with working(home.worker(engine())):
        (both,) = await texts(home)
        await home.service.erase(CHAT, "500")
        (one,) = await texts(home)
        await home.service.erase(CHAT, "500")  # a deletion that comes again
        assert await texts(home) == [one]
    assert "herons" in both and "storks" in both
    assert "storks" in one and "herons" not in one
    kept = await home.rows("SELECT reply FROM turns ORDER BY id")
    assert kept == [("",), (one,)], "also of the answer that was replaced"


@pytest.mark.parametrize("at_once", [False, True], ids=["after its end", "at once"])
async def test_one_deleted_of_two_questions_starts_no_answer_that_was_stopped(
    home: House, at_once: bool
) -> None:
    first = await home.say("About herons", message_id="500")
    await home.say("and storks", message_id="501")
    async with working(home.worker(engine(pace=20, tokens=200))):
        await until(lambda: home.screen.calls.count("edit") > 2)
        if at_once:
            await home.turns.stop(first.turn_id)  # of which the worker has not heard yet
        else:
            await home.service.stop(first.turn_id)
            await texts(home)
        await home.service.erase(CHAT, "500")
        assert await texts(home) == []
    assert await home.rows("SELECT state, reply FROM turns") == [("stopped", "")]


async def test_one_deleted_of_two_questions_whose_stop_came_too_late_is_answered_again(
    home: House,
) -> None:
    first = await home.say("About herons", message_id="500")
    await home.say("and storks", message_id="501")
    async with working(home.worker(engine())):
        await home.answer(first.turn_id)
        await texts(home)
        await home.rows("UPDATE turns SET stop_requested = true")
        await home.service.erase(CHAT, "500")
        (one,) = await texts(home)
    assert "storks" in one and "herons" not in one


async def test_one_deleted_of_two_questions_that_were_stopped_is_found_by_no_word_of_it(
    home: House,
) -> None:
    first = await home.say("About herons", message_id="500")
    await home.say("and storks", message_id="501")
    await home.service.stop(first.turn_id)
    await enter(home)
    assert await found(home, "herons") == [first.turn_id]
    await home.service.erase(CHAT, "500")
    assert await found(home, "herons") == []
    assert await found(home, "storks") == [first.turn_id]
    assert await words_known(home) == await words_there(home)


async def test_a_deletion_that_comes_before_its_message_buries_it(home: House) -> None:
    await home.service.erase(CHAT, "500")
    late = await home.service.accept(incoming("My secret", message_id="500"))
    assert late.duplicate
    assert await home.rows("SELECT count(*) FROM turns") == [(0,)]
    assert await home.rows("SELECT text FROM messages") == [("",)]


async def test_a_turn_that_is_over_can_be_asked_again_in_place(home: House) -> None:
    async with working(home.worker(engine())):
        first = await home.say("About herons")
        await home.answer(first.turn_id)
        await until(lambda: settled(home))
        again = await home.service.retry(first.turn_id)
        assert again is not None
        assert await home.service.retry(first.turn_id) is None, "it has been replaced"
        (shown,) = await texts(home)
    assert "herons" in shown
    assert await home.rows(f"SELECT state FROM turns WHERE id = {again}") == [("done",)]


async def test_a_running_turn_is_not_asked_again(home: House) -> None:
    turn = (await home.say("About herons")).turn_id
    assert await home.service.retry(turn) is None
