"""From a question to a real answer, through every door of the whole program."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import httpx
import pytest
from openai import AsyncOpenAI

from tests.e2e.conftest import Light
from tests.fakes.slack.workspace import Message as SlackMessage
from tests.fakes.telegram.chats import Message as TelegramMessage
from tests.support.program import ROOT

pytestmark = [pytest.mark.model, pytest.mark.timeout(420)]

QUESTION = "What is the capital of France?"
FOLLOW_UP = "And of Italy?"  # means nothing to who does not know the question before
SECONDS = 120


async def test_telegram_gets_one_message_that_grows_into_the_answer(light: Light) -> None:
    telegram = light.telegram
    telegram.user_says(501, QUESTION)
    await telegram.until(lambda: "Paris" in _last_bot_text(light, 501), SECONDS)
    telegram.user_says(501, FOLLOW_UP)
    await telegram.until(lambda: len(_bot_messages(light, 501)) == 2, SECONDS)
    await telegram.until(lambda: _is_final(light, 501), SECONDS)
    first, second = _bot_messages(light, 501)
    assert len(first.versions) >= 2, "posted once, then edited"
    assert "Rome" in second.text


def _bot_messages(light: Light, chat_id: int) -> list[TelegramMessage]:
    return [one for one in light.telegram.messages(chat_id) if one.from_bot]


def _last_bot_text(light: Light, chat_id: int) -> str:
    messages = _bot_messages(light, chat_id)
    return messages[-1].text if messages else ""


def _is_final(light: Light, chat_id: int) -> bool:
    return any(data.startswith("retry:") for data in _bot_messages(light, chat_id)[-1].buttons)


async def test_slack_gets_one_message_for_each_answer(light: Light) -> None:
    slack = light.slack
    message = slack.dm("U_ANA", QUESTION)
    channel = message.channel
    await slack.until(
        lambda: bool(slack.replies(channel)) and "Paris" in _text(slack.replies(channel)[-1]),
        SECONDS,
    )
    slack.dm("U_ANA", FOLLOW_UP, thread_ts=message.ts)
    await slack.until(lambda: len(slack.replies(channel)) == 2, SECONDS)
    await slack.until(lambda: "Rome" in _text(slack.replies(channel)[1]), SECONDS)
    await slack.until(
        lambda: all(one.now.button("retry") for one in slack.replies(channel)), SECONDS
    )
    assert len(slack.replies(channel)) == 2


def _text(message: SlackMessage) -> str:
    return message.now.markdown


async def test_the_openai_client_gets_whole_and_streamed_answers(light: Light) -> None:
    async with AsyncOpenAI(base_url=f"{light.outrider.url}/v1", api_key=light.outrider.key) as api:
        messages = [{"role": "user", "content": QUESTION}]
        whole = await api.chat.completions.create(model="outrider", messages=messages)
        assert "Paris" in whole.choices[0].message.content
        assert whole.usage.prompt_tokens > 0
        # Long enough to come in pieces on a busy machine, too.
        asked = {
            "model": "outrider",
            "messages": [{"role": "user", "content": "Tell me a story."}],
            "max_tokens": 64,
        }
        story = await api.chat.completions.create(**asked)
        pieces = [
            chunk.choices[0].delta.content or ""
            async for chunk in await api.chat.completions.create(**asked, stream=True)
            if chunk.choices
        ]
    assert len([piece for piece in pieces if piece]) > 1
    assert "".join(pieces) == story.choices[0].message.content


async def test_ask_streams_an_answer_and_the_next_question_knows_the_first(light: Light) -> None:
    assert "Paris" in await _ask(light, "--new", QUESTION)
    assert "Rome" in await _ask(light, FOLLOW_UP)


async def test_doctor_says_that_the_running_engine_is_as_planned(light: Light) -> None:
    (memory,) = (line for line in (await _said(light, "doctor")).splitlines() if "Memory" in line)
    assert "The engine is as planned" in memory
    assert "room for 46,592 tokens" in memory


async def _ask(light: Light, *arguments: str) -> str:
    return await _said(light, "ask", *arguments)


async def _said(light: Light, *arguments: str) -> str:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "bots.cli", *arguments],
        cwd=light.outrider.folder,
        env={**light.outrider.environment(), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_eight_conversations_at_once_all_get_their_own_answer(light: Light) -> None:
    animals = ["cats", "dogs", "cows", "owls", "bees", "ants", "pigs", "hens"]
    async with AsyncOpenAI(base_url=f"{light.outrider.url}/v1", api_key=light.outrider.key) as api:

        async def asked(animal: str) -> str:
            done = await api.chat.completions.create(
                model="outrider",
                messages=[{"role": "user", "content": f"Repeat this word: {animal}"}],
                max_tokens=24,
            )
            return done.choices[0].message.content or ""

        answers = await asyncio.gather(*map(asked, animals))
    for animal, answer in zip(animals, answers, strict=True):
        assert animal[:-1] in answer.lower(), (animal, answer)


async def test_the_page_says_what_it_is_and_the_program_says_that_it_is_ready(
    light: Light,
) -> None:
    async with httpx.AsyncClient(base_url=light.outrider.url, trust_env=False) as client:
        assert (await client.get("/healthz")).is_success
        assert (await client.get("/readyz")).json()["engine"] == "ready"
        assert "135-million-parameter" in (await client.get("/")).text
        assert "outrider_turns_total" in (await client.get("/metrics")).text


async def test_eval_lets_the_model_answer_lm_evals_questions(light: Light) -> None:
    said = json.loads(await _said(light, "eval", "--json", "--limit", "12"))
    (score,) = said["scores"]
    assert (said["profile"], said["quantization"]) == ("demo", "bfloat16")
    assert (score["task"], score["questions"]) == ("outrider_basics", 12)
    # Capitals, mostly: it knows them. A model whose router weight is wrong answers none.
    assert score["value"] >= 0.5
    assert score["stderr"] > 0
