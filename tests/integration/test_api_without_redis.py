"""The API goes on while Redis is away: Postgres has the turns, and the worker finds them there."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import openai

from assistant.storage.embedded import embedded_valkey
from bots.health import engine_line
from inference.scripted import ScriptedEngine
from tests.support.chat_app import KEY, chat_app
from tests.support.house import house, until, working
from tests.support.serving import serving

HI = [{"role": "user", "content": "hi"}]


async def test_the_api_answers_while_redis_is_away(database_url: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as valkey:
        redis_url = await valkey.enter_async_context(embedded_valkey(tmp_path))
        async with (
            house(database_url, redis_url) as home,
            working(home.worker(ScriptedEngine())),
            serving(chat_app(home.service)) as address,
            openai.AsyncOpenAI(
                base_url=f"{address}/v1", api_key=KEY.get_secret_value(), max_retries=0
            ) as client,
        ):
            await until(home.service.engine_info)
            await valkey.aclose()
            answer = await client.chat.completions.create(model="any", messages=HI)
            assert answer.choices[0].message.content.startswith("You wrote 1 message")
            stream = await client.completions.create(model="any", prompt="hi", stream=True)
            text = "".join([one.choices[0].text async for one in stream])
            assert text.startswith("You wrote 1 message")
            assert engine_line(await home.signals.workers()) == "no worker"
