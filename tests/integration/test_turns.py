"""A message's way through the house, on a real Postgres and Valkey, with the scripted engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from assistant.errors import MessageRefused
from assistant.incoming.access import AccessPolicy
from assistant.messages import ChatRef
from inference.api import ChatMessage, Sampling
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import CHAT, FAST, House, house, incoming, until, working


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


def engine(**values: float) -> ScriptedEngine:
    return ScriptedEngine(ScriptedSettings(**{"tokens_per_second": 500.0, **values}))


async def test_a_message_is_answered_and_history_is_part_of_the_next_prompt(home: House) -> None:
    async with working(home.worker(engine())):
        first, last = await home.answer((await home.say("Tell me about herons")).turn_id)
        assert last.state == "done"
        assert "herons" in first
        second, _ = await home.answer((await home.say("And about storks")).turn_id)
    assert "storks" in second
    assert await home.rows("SELECT state, attempt FROM turns ORDER BY id") == [("done", 1)] * 2
    spoken = [(one.role, one.text) for one in await home.service.history(CHAT)]
    assert spoken == [
        ("user", "Tell me about herons"),
        ("assistant", first),
        ("user", "And about storks"),
        ("assistant", second),
    ]


async def test_a_redelivered_event_and_a_twin_event_make_one_turn(home: House) -> None:
    message = incoming("Hello")
    first = await home.service.accept(message)
    again = await home.service.accept(message)
    twin = incoming("Hello", event_id="another", message_id=message.message_id)
    other = await home.service.accept(twin)
    assert not first.duplicate
    assert again.duplicate and other.duplicate
    assert {first.turn_id, again.turn_id, other.turn_id} == {first.turn_id}
    assert await home.rows("SELECT count(*) FROM turns") == [(1,)]


async def test_many_redeliveries_at_once_make_one_turn(home: House) -> None:
    message = incoming("Hello")
    accepted = await asyncio.gather(*(home.service.accept(message) for _ in range(20)))
    assert sum(not one.duplicate for one in accepted) == 1
    assert await home.rows("SELECT count(*) FROM turns") == [(1,)]
    assert await home.rows("SELECT count(*) FROM identities") == [(1,)]


async def test_messages_that_wait_are_answered_together(home: House) -> None:
    first = await home.say("One thing about apples")
    second = await home.say("and another about pears")
    assert second.joined and second.turn_id == first.turn_id
    async with working(home.worker(engine())):
        reply, _ = await home.answer(first.turn_id)
    assert "pears" in reply
    assert await home.rows("SELECT count(*) FROM turns") == [(1,)]


async def test_one_turn_runs_at_a_time_in_a_conversation_and_others_are_not_held_up(
    home: House,
) -> None:
    other = ChatRef("telegram", "default", "43")
    async with working(home.worker(engine(tokens_per_second=20))):
        first = await home.say("A long story please")
        await until(lambda: "edit" in home.screen.calls)
        second = await home.say("One more thing")
        aside = await home.say("Somebody else asks", chat=other)
        states = await home.rows("SELECT id, state FROM turns ORDER BY id")
        await home.answer(aside.turn_id)
        await home.answer(second.turn_id)
    assert dict(states)[first.turn_id] == "running"
    assert dict(states)[second.turn_id] == "queued"
    ended = await home.rows("SELECT id FROM turns ORDER BY finished_at")
    assert ended.index((first.turn_id,)) < ended.index((second.turn_id,))


async def test_a_reply_is_posted_once_and_edited_as_it_grows(home: House) -> None:
    async with working(home.worker(engine(tokens_per_second=60))):
        reply, _ = await home.answer((await home.say("A story of the sea")).turn_id)
        await until(lambda: home.screen.chats["42"] and home.screen.chats["42"][0].final)
    shown = home.screen.chats["42"]
    assert len(shown) == 1
    assert shown[0].text == reply
    assert len(shown[0].looks) > 3
    assert shown[0].looks[0] == ""
    for earlier, later in zip(shown[0].looks, shown[0].looks[1:], strict=False):
        assert later.startswith(earlier)
    await until(lambda: rows_done(home))
    intents = await home.rows(
        "SELECT kind, state, platform_message_id FROM delivery_intents ORDER BY id"
    )
    assert intents[0] == ("placeholder", "sent", shown[0].id)
    assert set(intents[1:-1]) == {("edit", "sent", shown[0].id)}
    assert intents[-1] == ("final", "sent", shown[0].id)


async def rows_done(home: House) -> bool:
    return (await home.rows("SELECT state FROM deliveries")) == [("done",)]


async def test_stop_ends_generation_and_keeps_what_was_said(home: House) -> None:
    async with working(home.worker(engine(tokens_per_second=20, answer_tokens=400))):
        turn = (await home.say("A very long story")).turn_id
        await until(lambda: len(home.screen.calls) > 4)
        assert await home.service.stop(turn)
        reply, last = await home.answer(turn)
        assert last.state == "stopped"
        assert reply
        assert not await home.service.stop(turn)
    assert await home.rows("SELECT state, reply FROM turns") == [("stopped", reply)]


async def test_a_turn_between_two_attempts_is_stopped_at_once_and_keeps_its_text(
    home: House,
) -> None:
    async with working(home.worker(engine(tokens_per_second=20, answer_tokens=400))):
        turn = (await home.say("A very long story")).turn_id
        await until(lambda: len(home.screen.calls) > 8)
    # The worker has gone and gave it back; nobody is at it.
    assert await home.rows("SELECT state, lease_owner FROM turns") == [("running", None)]
    assert await home.service.stop(turn)
    reply, last = await home.answer(turn)
    assert last.state == "stopped"
    assert reply.startswith("You wrote 1 message, the last")
    await until(lambda: home.screen.chats["42"][0].final)
    assert home.screen.chats["42"][0].text == reply


async def test_what_was_said_until_the_end_of_a_worker_is_kept(
    database_url: str, redis_url: str
) -> None:
    rare = FAST.model_copy(update={"checkpoint_seconds": 60.0})
    async with house(database_url, redis_url, settings=rare) as home:
        async with working(home.worker(engine(tokens_per_second=20, answer_tokens=400))):
            await home.say("A very long story")
            await until(lambda: len(home.screen.calls) > 8)
        ((words, tokens),) = await home.rows(
            "SELECT array_length(string_to_array(reply, ' '), 1) AS words,"
            " array_length(reply_token_ids, 1) AS tokens FROM turns",
        )
        assert words == tokens and int(str(words)) > 3


async def test_a_waiting_turn_can_be_stopped_without_a_worker(home: House) -> None:
    turn = (await home.say("Anybody there?")).turn_id
    assert await home.service.stop(turn)
    reply, last = await home.answer(turn)
    assert (reply, last.state) == ("", "stopped")
    await until(lambda: home.screen.chats["42"] and home.screen.chats["42"][0].final)
    assert home.screen.chats["42"][0].text == "Stopped."


async def test_a_stateless_request_brings_its_own_context(home: House) -> None:
    given = [
        ChatMessage("system", "Be brief."),
        ChatMessage("user", "Remember teapots"),
        ChatMessage("assistant", "I do."),
        ChatMessage("user", "What did I say of kettles?"),
    ]
    chat = ChatRef("api", "default", "request-1")
    async with working(home.worker(engine())):
        accepted = await home.service.accept_request(chat, given, Sampling(max_tokens=5))
        reply, last = await home.answer(accepted.turn_id)
    assert last.state == "done"
    assert last.finish_reason == "length"
    assert last.output_tokens == 5
    assert reply


async def test_a_new_conversation_forgets_the_history(home: House) -> None:
    async with working(home.worker(engine())):
        await home.answer((await home.say("About herons")).turn_id)
        from assistant.messages import Command

        await home.service.command(Command(CHAT, "new", "7", "Ana"))
        assert await home.service.history(CHAT) == []
        reply, _ = await home.answer((await home.say("About storks")).turn_id)
    entries = await home.service.history(CHAT)
    assert [one.text for one in entries] == ["About storks", reply]


async def test_a_worker_that_falls_silent_loses_its_turn_and_the_answer_goes_on(
    home: House,
) -> None:
    slow = home.worker(engine(tokens_per_second=30, answer_tokens=60), "first")
    silent = asyncio.create_task(slow.run())
    turn = (await home.say("A story that survives")).turn_id
    await until(lambda: any(len(shown.text) > 60 for shown in home.screen.chats["42"]))
    await asyncio.sleep(0.3)  # a checkpoint
    # As if the process were gone: the lease is over and nobody renews it.
    await home.rows("UPDATE turns SET lease_owner = 'gone', lease_until = now() - interval '1s'")
    async with working(home.worker(engine(tokens_per_second=300, answer_tokens=60), "second")):
        reply, last = await home.answer(turn)
        await until(lambda: home.screen.chats["42"][0].final)
    silent.cancel()
    await asyncio.gather(silent, return_exceptions=True)
    assert last.state == "done" and last.attempt == 2
    assert len(home.screen.chats["42"]) == 1
    assert home.screen.chats["42"][0].text == reply
    alone = ScriptedEngine(ScriptedSettings(tokens_per_second=1000, answer_tokens=60))
    await alone.start(lambda line, share: None)
    expected = await whole(alone, [ChatMessage("user", "A story that survives")], home)
    assert reply == expected
    assert await home.rows("SELECT number FROM attempts ORDER BY number") == [(1,), (2,)]


async def whole(engine: ScriptedEngine, messages: list[ChatMessage], home: House) -> str:
    from inference.api import GenerationRequest

    system = ChatMessage("system", home.settings.system_prompt)
    prompt = await engine.render([system, *messages])
    sampling = Sampling(max_tokens=home.settings.answer_tokens)
    return "".join(
        [one.text async for one in engine.generate(GenerationRequest("x", prompt, sampling))]
    )


async def test_an_engine_that_fails_is_tried_again_and_then_said_honestly(
    database_url: str, redis_url: str
) -> None:
    from tests.support.house import FAST

    settings = FAST.model_copy(update={"attempts": 2})
    async with house(database_url, redis_url, settings=settings) as home:
        broken = ScriptedEngine(ScriptedSettings(tokens_per_second=500, fail_after_tokens=3))
        async with working(home.worker(broken)):
            _, last = await home.answer((await home.say("Hello there")).turn_id)
            await until(lambda: home.screen.chats["42"] and home.screen.chats["42"][0].final)
        assert (last.state, last.error_code, last.attempt) == ("failed", "engine_unavailable", 2)
        assert "⚠" in home.screen.chats["42"][0].text


async def test_what_was_said_until_the_engine_failed_is_gone_on_with(
    database_url: str, redis_url: str
) -> None:
    """Also what came since the last checkpoint."""
    settings = FAST.model_copy(update={"attempts": 2, "checkpoint_seconds": 60.0})
    async with house(database_url, redis_url, settings=settings) as home:
        broken = ScriptedEngine(ScriptedSettings(tokens_per_second=500, fail_after_tokens=3))
        async with working(home.worker(broken)):
            await home.say("Hello there")

            found: list[tuple[object, ...]] = []

            async def failed() -> bool:
                """Between the first attempt and the next."""
                sql = "SELECT reply FROM turns WHERE failures = 1 AND attempt = 1"
                found[:] = await home.rows(sql)
                return bool(found)

            await until(failed)
        assert found != [("",)]


async def test_a_stopped_answers_prompt_was_read_and_counts(home: House) -> None:
    slow = engine(tokens_per_second=30, answer_tokens=500)
    async with working(home.worker(slow)):
        turn = (await home.say("A long story")).turn_id
        await until(lambda: any(shown.text for shown in home.screen.chats["42"]))
        assert await home.service.stop(turn)
        _, last = await home.answer(turn)
    assert last.state == "stopped"
    ((read, used),) = await home.rows(
        "SELECT turns.prompt_tokens, usage_days.prompt_tokens AS used FROM turns, usage_days"
    )
    assert read > 0 and read == used


async def test_a_prompt_that_is_too_long_is_refused_with_the_numbers(
    database_url: str, redis_url: str
) -> None:
    async with house(database_url, redis_url) as home, working(home.worker(engine())):
        _, last = await home.answer((await home.say("a " * 15_000)).turn_id)
        assert (last.state, last.error_code) == ("failed", "prompt_too_long")
        assert "tokens" in last.error
        _, last = await home.answer((await home.say("short")).turn_id)
        assert last.state == "done", "the history is cut, the question is answered"


async def test_empty_and_oversized_messages_are_refused_in_a_sentence(home: House) -> None:
    with pytest.raises(MessageRefused, match="empty"):
        await home.say("  \n ")
    with pytest.raises(MessageRefused, match="100,000"):
        await home.say("x" * 100_000)
    assert await home.rows("SELECT count(*) FROM messages") == [(0,)]


async def test_what_postgres_cannot_hold_is_replaced(home: House) -> None:
    await home.say("nul \x00 and lone \ud83d surrogate")
    assert await home.rows("SELECT text FROM messages") == [("nul � and lone ? surrogate",)]


async def test_strangers_are_paired_by_a_code(database_url: str, redis_url: str) -> None:
    async with house(database_url, redis_url, access="pairing") as home:
        with pytest.raises(MessageRefused, match="outrider pair ") as refused:
            await home.say("Let me in")
        code = str(refused.value).rsplit(" ", 1)[1]
        with pytest.raises(MessageRefused, match=code):
            await home.say("Let me in again")
        access = AccessPolicy(home.database)
        assert await access.pair("WRONGCODE") is None
        assert await access.pair(code.lower()) == "Ana"
        assert (await home.say("Now?")).turn_id
        assert await home.rows("SELECT count(*) FROM messages") == [(1,)]


async def test_a_deleted_question_leaves_the_history_and_its_turn_ends(home: House) -> None:
    message = incoming("My secret")
    accepted = await home.service.accept(message)
    await home.service.erase(CHAT, message.message_id)
    _, last = await home.answer(accepted.turn_id)
    assert (last.state, last.error_code) == ("cancelled", "deleted")
    assert await home.rows("SELECT text FROM messages") == [("",)]
    assert await home.service.history(CHAT) == []


async def test_a_turn_that_was_left_is_taken_again_when_its_lease_runs_out(home: House) -> None:
    """Its connection broke at the end: nobody is at it, so nobody may renew it."""
    async with working(home.worker(engine())):
        await home.answer((await home.say("warm up")).turn_id)
        turn = (await home.say("Left behind")).turn_id
        await home.answer(turn)
        await home.rows(
            "UPDATE turns SET state = 'running', lease_owner = 'worker',"
            " lease_until = now() + interval '1 second', finished_at = NULL"
            f" WHERE id = {turn}"
        )
        await until(lambda: _ended_again(home, turn))
    assert (await home.rows(f"SELECT state FROM turns WHERE id = {turn}")) == [("done",)]


async def _ended_again(home: House, turn: int) -> bool:
    """By a further attempt; on a busy machine its lease may run out too."""
    rows = await home.rows(f"SELECT attempt, state FROM turns WHERE id = {turn}")
    return rows[0].attempt > 1 and rows[0].state == "done"


async def test_a_turn_that_kills_its_workers_ends_at_last(home: House) -> None:
    turn = (await home.say("Deadly")).turn_id
    await home.rows("UPDATE turns SET state = 'running', failures = 40, lease_until = now()")
    async with working(home.worker(engine())):
        _, last = await home.answer(turn)
    assert (last.state, last.error_code) == ("failed", "attempts")
