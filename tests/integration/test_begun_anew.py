"""An interrupted answer that can't be gone on from begins anew, in place of what was shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pydantic import SecretStr

from assistant.answering.deltas import decoded, key
from assistant.answering.turns import Claimant, Outcome, Piece
from assistant.messages import ChatRef, ReplyDelta
from inference.api import ChatMessage, Prompt, Sampling, Tool
from inference.profiles import profile_named
from inference.remote.engine import RemoteEngine
from inference.scripted import ScriptedEngine
from inference.settings import EngineSettings, ScriptedSettings
from tests.fakes.openai_server import KEY, MAX_MODEL_LEN, OpenAiServer
from tests.support.house import CHAT, House, house, until, working


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


async def test_an_endpoints_new_answer_replaces_what_was_shown(
    home: House, endpoint: OpenAiServer
) -> None:
    settings = EngineSettings(profile="remote", base_url=endpoint.base_url, api_key=SecretStr(KEY))
    endpoint.answer_tokens, endpoint.break_after, endpoint.seconds_per_token = 90, 60, 0.02
    async with working(home.worker(RemoteEngine(settings, profile_named("remote")))):
        await home.say("herons?")
        await until(lambda: home.screen.chats[CHAT.chat_id])
        (shown,) = home.screen.chats[CHAT.chat_id]
        await until(lambda: "more20" in shown.text)
        await until(lambda: _failed_once(home))
        # The next attempt's answer is another, and shorter than what stands there.
        endpoint.answer_tokens, endpoint.break_after = 12, None
        await until(lambda: shown.final)
    assert len(endpoint.requests) == 2
    assert shown.text == "You wrote 1 message, the last one: herons? more0 more1 more2 more3"
    assert home.screen.chats[CHAT.chat_id] == [shown]


async def test_an_endpoint_that_can_goes_on_with_its_answer_in_place(
    home: House, endpoint: OpenAiServer
) -> None:
    settings = EngineSettings(profile="remote", base_url=endpoint.base_url, api_key=SecretStr(KEY))
    endpoint.continues, endpoint.answer_tokens = True, 60
    endpoint.break_after, endpoint.seconds_per_token = 40, 0.02
    chat = ChatRef("api", "default", "request-1")
    asked = [ChatMessage("user", "herons?")]
    turn = (await home.service.accept_request(chat, asked, Sampling())).turn_id
    following = asyncio.create_task(_follow(home, turn))
    async with working(home.worker(RemoteEngine(settings, profile_named("remote")))):
        starts, text = await following
    first, second = endpoint.requests
    assert second["messages"][:-1] == first["messages"]
    begun = second["messages"][-1]["content"]
    assert starts[1:] == [len(begun)]
    assert text.startswith(begun)
    assert len(text.split()) == 60
    [used] = await home.rows("SELECT prompt_tokens > 0, output_tokens FROM turns")
    assert tuple(used) == (True, len(begun) // 4 + len(text.removeprefix(begun).split()))


async def test_an_endpoint_that_refuses_to_go_on_begins_anew_in_place(
    home: House, endpoint: OpenAiServer
) -> None:
    settings = EngineSettings(profile="remote", base_url=endpoint.base_url, api_key=SecretStr(KEY))
    endpoint.continues = endpoint.refuses_to_continue = True
    endpoint.answer_tokens, endpoint.break_after, endpoint.seconds_per_token = 60, 40, 0.02
    chat = ChatRef("api", "default", "request-1")
    asked = [ChatMessage("user", "herons?")]
    turn = (await home.service.accept_request(chat, asked, Sampling())).turn_id
    following = asyncio.create_task(_follow(home, turn))
    async with working(home.worker(RemoteEngine(settings, profile_named("remote")))):
        await until(lambda: _failed_once(home))
        endpoint.answer_tokens, endpoint.break_after = 12, None
        starts, text = await following
    assert starts[1:] == [0]
    assert text == "You wrote 1 message, the last one: herons? more0 more1 more2 more3"


async def test_a_conversation_with_an_endpoint_is_cut_before_it_is_refused(
    home: House, endpoint: OpenAiServer
) -> None:
    """Only the endpoint can count the tokens: what nearly fills its window is too much."""
    settings = EngineSettings(profile="remote", base_url=endpoint.base_url, api_key=SecretStr(KEY))
    async with working(home.worker(RemoteEngine(settings, profile_named("remote")))):
        for number in range(5):
            await home.answer((await home.say(f"Question {number}. " + "so " * 1000)).turn_id)
    told = [one["content"] for one in endpoint.requests[-1]["messages"]]
    assert any("Question 4." in one for one in told)
    assert not any("Question 0." in one for one in told)
    assert sum(map(len, told)) <= 3 * MAX_MODEL_LEN


@pytest.mark.parametrize(
    ("sampling", "begins_anew"),
    [
        (Sampling(), False),
        (Sampling(seed=7), True),
        (Sampling(logprobs=1), True),
        (Sampling(frequency_penalty=0.5), True),
        (Sampling(tools=(Tool("look"),)), True),
    ],
)
async def test_what_a_prefix_would_change_is_begun_anew_and_any_other_gone_on_with(
    home: House, sampling: Sampling, begins_anew: bool
) -> None:
    chat = ChatRef("api", "default", "request-1")
    asked = [ChatMessage("user", "herons?")]
    turn = (await home.service.accept_request(chat, asked, sampling)).turn_id
    pace = {"tokens_per_second": 50.0, "answer_tokens": 60}
    following = asyncio.create_task(_follow(home, turn))
    async with working(home.worker(ScriptedEngine(ScriptedSettings(**pace, fail_after_tokens=40)))):
        await until(lambda: _failed_once(home))
    async with working(home.worker(ScriptedEngine(ScriptedSettings(**pace)), "another")):
        starts, text = await following
    assert len(starts) > 1
    assert (starts[-1] == 0) is begins_anew
    assert len(text.split()) == 60


@pytest.mark.parametrize(
    ("sampling", "kept"),
    [
        (Sampling(), True),
        (Sampling(tools=(Tool("look"),), tool_choice="none"), True),
        (Sampling(tools=(Tool("look"),)), False),
        (Sampling(seed=7), False),
        (Sampling(presence_penalty=0.5), False),
    ],
)
async def test_the_new_attempt_of_what_begins_anew_has_none_of_the_former_text(
    home: House, sampling: Sampling, kept: bool
) -> None:
    """A reader that looked in between would put the two together."""
    asked = ChatMessage("user", "herons?")
    chat = ChatRef("api", "default", "request-1")
    turn = (await home.service.accept_request(chat, [asked], sampling)).turn_id
    (first,) = await home.turns.claim(Claimant("one", 0.01, "model"), 1)
    prompt = Prompt((asked,), (1, 2))
    written = Piece(turn, first.attempt, 0, "Herons", 0, (3, 4), prompt, "model")
    assert await home.turns.checkpoint([written]) == {(turn, 1)}
    await asyncio.sleep(0.05)
    (second,) = await home.turns.take_over(Claimant("another", 10.0, "model"), 1)
    stored = await home.turns.read(turn)
    assert stored is not None
    assert (second.prompt, sampling.resumable) == (prompt, kept)
    assert (stored.attempt, stored.text) == (2, "Herons" if kept else "")
    assert second.reply_token_ids == ((3, 4) if kept else ())


async def test_a_reader_that_missed_where_a_newer_attempt_began_puts_no_two_together(
    home: House,
) -> None:
    chat = ChatRef("api", "default", "request-1")
    asked = ChatMessage("user", "herons?")
    turn = (await home.service.accept_request(chat, [asked], Sampling())).turn_id
    await home.turns.claim(Claimant("one", 0.01, "model"), 1)
    prompt = Prompt((asked,), (1, 2))
    await home.turns.checkpoint([Piece(turn, 1, 0, "Herons", 0, (3, 4), prompt, "model")])
    home.writer.write(ReplyDelta(turn, 1, 0, "Herons sing all night"))
    deltas = home.reader.follow(turn)
    async with asyncio.timeout(30):
        held = (await anext(deltas)).text
        assert held == "Herons sing all night"
        await asyncio.sleep(0.05)
        (second,) = await home.turns.take_over(Claimant("another", 10.0, "model"), 1)
        await home.turns.checkpoint([Piece(turn, 2, 6, " eat", 2, (5,))])
        home.writer.write(ReplyDelta(turn, 2, 10, " fish"))  # the one before it was lost
        await home.turns.finish(second, Outcome("done", reply="Herons eat fish"))
        home.writer.write(ReplyDelta(turn, 2, 15, "", state="done"))
        async for delta in deltas:
            held = held[: delta.offset] + delta.text
    assert held == "Herons eat fish"


async def _failed_once(home: House) -> bool:
    return bool(await home.rows("SELECT FROM attempts WHERE error = 'engine_unavailable'"))


async def _follow(home: House, turn: int) -> tuple[list[int], str]:
    """At which character each attempt began, and the text as a reader puts it together."""
    text, _ = await home.answer(turn)
    starts: dict[int, int] = {}
    for _, values in await home.redis.xrange(key(turn)):
        delta = decoded(values["delta"])
        starts.setdefault(delta.attempt, delta.offset)
    return list(starts.values()), text
