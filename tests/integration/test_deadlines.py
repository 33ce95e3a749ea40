"""A turn that has waited too long ends in words: also one that runs, which keeps its text."""

from __future__ import annotations

import openai
import pytest

from assistant.messages import ChatRef
from inference.api import ChatMessage, Sampling
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.chat_app import KEY, chat_app
from tests.support.house import FAST, house, until, working
from tests.support.serving import serving

SOON = FAST.model_copy(update={"deadline_seconds": 0.5})
LATER = "You have waited too long for this"


def engine(**values: float) -> ScriptedEngine:
    return ScriptedEngine(ScriptedSettings(**values))  # type: ignore[arg-type]


async def test_a_turn_that_nobody_begins_in_time_ends_in_a_sentence(
    database_url: str, redis_url: str
) -> None:
    async with house(database_url, redis_url, settings=SOON) as home:
        turn = (await home.say("Anybody there?")).turn_id
        _, last = await home.answer(turn)
        await until(lambda: home.screen.chats["42"][0].final)
        assert (last.state, last.error_code) == ("failed", "deadline")
        assert LATER in home.screen.chats["42"][0].text
        assert await home.rows("SELECT state, error_code, first_in FROM turns") == [
            ("failed", "deadline", None)
        ]
        async with working(home.worker(engine(tokens_per_second=500))):
            _, last = await home.answer((await home.say("And now?")).turn_id)
        assert last.state == "done", "the conversation goes on"


async def test_a_turn_that_runs_past_its_deadline_keeps_what_was_said(
    database_url: str, redis_url: str
) -> None:
    settings = FAST.model_copy(update={"deadline_seconds": 1.5})
    slow = engine(tokens_per_second=20, answer_tokens=400)
    async with (
        house(database_url, redis_url, settings=settings) as home,
        working(home.worker(slow)),
    ):
        reply, last = await home.answer((await home.say("A long story")).turn_id)
    assert (last.state, last.error_code) == ("failed", "deadline")
    assert reply.startswith("You wrote 1 message")


async def test_a_turn_whose_last_worker_is_gone_ends_in_a_sentence_too(
    database_url: str, redis_url: str
) -> None:
    settings = FAST.model_copy(update={"deadline_seconds": 2.5})
    async with house(database_url, redis_url, settings=settings) as home:
        async with working(home.worker(engine(tokens_per_second=20, answer_tokens=400))):
            turn = (await home.say("A long story")).turn_id
            await until(lambda: home.rows("SELECT FROM turns WHERE reply ^@ 'You wrote 1 message'"))
        reply, last = await home.answer(turn)
        assert (last.state, last.error_code) == ("failed", "deadline")
        assert reply.startswith("You wrote 1 message"), "what was said stays"
        await until(lambda: home.screen.chats["42"][0].final)
        assert LATER in home.screen.chats["42"][0].text
        stored = await home.rows("SELECT reply, lease_until, reply_token_ids FROM turns")
        assert stored == [(reply, None, [])]


async def test_an_attempt_that_takes_too_long_is_no_missed_deadline(
    database_url: str, redis_url: str
) -> None:
    settings = FAST.model_copy(update={"turn_seconds": 0.5})
    slow = engine(tokens_per_second=20, answer_tokens=400)
    async with (
        house(database_url, redis_url, settings=settings) as home,
        working(home.worker(slow)),
    ):
        _, last = await home.answer((await home.say("A long story")).turn_id)
    assert last.error_code == "timeout"


async def test_a_request_names_a_shorter_time_and_never_a_longer_one(
    database_url: str, redis_url: str
) -> None:
    given = [ChatMessage("user", "Quickly")]
    left = "SELECT extract(epoch FROM deadline_at - created_at)::float8 FROM turns ORDER BY id"
    async with house(database_url, redis_url) as home:
        for number, seconds in enumerate((5.0, 10**6, None)):
            chat = ChatRef("api", "default", f"request-{number}")
            await home.service.accept_request(chat, given, Sampling(), deadline_seconds=seconds)
        longest = home.settings.deadline_seconds
        assert await home.rows(left) == [(5.0,), (longest,), (longest,)]


async def test_a_message_that_joins_gives_its_turn_new_time(
    database_url: str, redis_url: str
) -> None:
    async with house(database_url, redis_url) as home:
        await home.say("One")
        await home.rows("UPDATE turns SET deadline_at = now() + interval '1 second'")
        assert (await home.say("two")).joined
        assert await home.rows("SELECT deadline_at > now() + interval '60 s' FROM turns") == [
            (True,)
        ]


async def test_a_request_may_ask_for_an_end_sooner_than_the_settings(
    database_url: str, redis_url: str
) -> None:
    slow = engine(tokens_per_second=20, answer_tokens=400)
    async with (
        house(database_url, redis_url) as home,
        working(home.worker(slow)),
        serving(chat_app(home.service)) as address,
        openai.AsyncOpenAI(
            base_url=f"{address}/v1", api_key=KEY.get_secret_value(), max_retries=0
        ) as client,
    ):
        await until(home.service.engine_info)
        soon = {"deadline_seconds": 0.5}
        for asking in (
            client.chat.completions.create(
                model="any", messages=[{"role": "user", "content": "hi"}], extra_body=soon
            ),
            client.completions.create(model="any", prompt="x", max_tokens=400, extra_body=soon),
        ):
            with pytest.raises(openai.InternalServerError) as ended:
                await asking
            assert (ended.value.status_code, ended.value.code) == (503, "deadline")
