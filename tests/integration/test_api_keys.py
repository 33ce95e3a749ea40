"""Keys of the API: what they open, what they may spend, over gateways on one Postgres and Redis."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import openai
import psycopg
import pytest
import pytest_asyncio
from pydantic import SecretStr
from redis.asyncio import Redis

from assistant import fair
from assistant.answering.embeddings import EmbeddingWorker
from assistant.errors import KeyRefused
from assistant.incoming.quotas import Quotas
from assistant.storage.api_keys import ApiKeys
from bots.api.keys import Access, Keyring
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.chat_app import chat_app
from tests.support.house import FAST, House, house, running, until, working
from tests.support.serving import serving

DEFAULT = SecretStr("sk-outrider-the-key-of-the-settings")
CLIENTS = ("openai", "httpx", "httpcore")  # they say what they send
HI = [{"role": "user", "content": "hi"}]


@dataclass(frozen=True, slots=True)
class Gateways:
    homes: tuple[House, House]
    addresses: tuple[str, str]

    @property
    def keys(self) -> ApiKeys:
        return ApiKeys(self.homes[0].database)

    @asynccontextmanager
    async def client(self, key: str, gateway: int = 0) -> AsyncIterator[openai.AsyncOpenAI]:
        async with openai.AsyncOpenAI(
            base_url=f"{self.addresses[gateway]}/v1", api_key=key, max_retries=0, timeout=30
        ) as client:
            yield client


def app_of(home: House, redis: Redis | None = None):
    account = home.service.accounts.get("api", "default")
    quotas = Quotas(home.database, redis or home.redis, account.id)
    return chat_app(home.service, access=Access(Keyring(DEFAULT, ApiKeys(home.database)), quotas))


@pytest_asyncio.fixture
async def gateways(database_url: str, redis_url: str) -> AsyncIterator[Gateways]:
    async with AsyncExitStack() as stack:
        one, two = [
            await stack.enter_async_context(house(database_url, redis_url)) for _ in range(2)
        ]
        pace = ScriptedSettings(tokens_per_second=2000, answer_tokens=12, embeddings=True)
        worker = one.worker(ScriptedEngine(pace))
        await stack.enter_async_context(working(worker))
        embedding = EmbeddingWorker(one.redis, worker.supervisor).run()
        await stack.enter_async_context(running(asyncio.create_task(embedding)))
        addresses = [await stack.enter_async_context(serving(app_of(home))) for home in (one, two)]
        await until(one.service.engine_info)
        yield Gateways((one, two), (addresses[0], addresses[1]))


async def ask(client: openai.AsyncOpenAI, **given: object):
    return await client.chat.completions.with_raw_response.create(
        **({"model": "any", "messages": HI, "max_tokens": 5} | given)
    )


async def status(client: openai.AsyncOpenAI) -> int:
    try:
        return (await ask(client)).status_code
    except openai.APIStatusError as refused:
        return refused.status_code


async def test_a_key_opens_what_its_scopes_say_and_no_more(gateways: Gateways) -> None:
    _, secret = await gateways.keys.create("reader", scopes=["models"])
    async with gateways.client(secret) as client:
        assert [model.id async for model in client.models.list()] == ["scripted"]
        for asking in (
            ask(client),
            client.completions.create(model="any", prompt="x"),
            client.embeddings.create(model="any", input="x"),
        ):
            with pytest.raises(openai.PermissionDeniedError) as refused:
                await asking
            assert refused.value.code == "insufficient_scope"
    _, secret = await gateways.keys.create("talker", scopes=["chat"])
    async with gateways.client(secret) as client:
        assert (await ask(client)).status_code == 200
        with pytest.raises(openai.PermissionDeniedError, match="scope models"):
            await client.models.list()


async def test_the_key_of_the_settings_opens_everything_and_has_no_quota(
    gateways: Gateways,
) -> None:
    async with gateways.client(DEFAULT.get_secret_value()) as client:
        answer = await ask(client)
        assert not [name for name in answer.headers if name.startswith("x-ratelimit")]


async def test_a_key_that_was_just_made_opens_at_once_and_a_revoked_one_stops_everywhere(
    gateways: Gateways,
) -> None:
    async with AsyncExitStack() as stack:
        for gateway in (0, 1):  # both have read the keys just now
            other = await stack.enter_async_context(gateways.client("sk-unknown", gateway))
            assert await status(other) == 401
        key, secret = await gateways.keys.create("billing")
        clients = [
            await stack.enter_async_context(gateways.client(secret, gateway)) for gateway in (0, 1)
        ]
        assert [await status(one) for one in clients] == [200, 200]
        await gateways.keys.revoke(key.prefix)
        await asyncio.sleep(1.0)  # what is promised
        assert [await status(one) for one in clients] == [401, 401]
        with pytest.raises(KeyRefused):
            await gateways.keys.revoke("billing")


async def test_a_key_that_is_over_opens_nothing(gateways: Gateways) -> None:
    key, secret = await gateways.keys.create("short")
    async with gateways.client(secret) as client:
        assert await status(client) == 200
        await gateways.homes[0].rows(
            "UPDATE api_keys SET expires_at = now() WHERE id = %(key)s", {"key": key.id}
        )
        await until(lambda: _refused(client))


async def _refused(client: openai.AsyncOpenAI) -> bool:
    return await status(client) == 401


async def test_a_minute_s_requests_are_counted_exactly_over_all_gateways(
    gateways: Gateways,
) -> None:
    _, secret = await gateways.keys.create("busy", requests_per_minute=20)
    async with gateways.client(secret) as one, gateways.client(secret, 1) as two:
        got = await asyncio.gather(*(status(client) for _ in range(15) for client in (one, two)))
        assert sorted(got) == [200] * 20 + [429] * 10
        with pytest.raises(openai.RateLimitError, match="20 times a minute") as refused:
            await ask(one)
    assert refused.value.code == "rate_limit_exceeded"
    headers = refused.value.response.headers
    assert headers["x-ratelimit-limit-requests"] == "20"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert 1 <= int(headers["retry-after"]) <= 60
    assert headers["x-ratelimit-reset-requests"].endswith("s")


async def test_what_is_left_stands_in_the_headers_also_of_streams_and_refusals(
    gateways: Gateways,
) -> None:
    _, secret = await gateways.keys.create("both", requests_per_minute=9, tokens_per_day=10_000)
    async with gateways.client(secret) as client:
        first = await ask(client)
        assert first.headers["x-ratelimit-remaining-requests"] == "8"
        assert first.headers["x-ratelimit-remaining-tokens"] == "10000"
        streamed = await ask(client, stream=True)
        assert streamed.headers["x-ratelimit-remaining-requests"] == "7"
        left = int(streamed.headers["x-ratelimit-remaining-tokens"])
        assert left == 10_000 - first.parse().usage.total_tokens
        with pytest.raises(openai.BadRequestError) as refused:
            await ask(client, temperature=9)
        assert refused.value.response.headers["x-ratelimit-remaining-requests"] == "6"


async def test_what_is_left_stands_in_the_headers_also_where_the_queue_is_full(
    database_url: str, redis_url: str
) -> None:
    few = FAST.model_copy(update={"person_turns": 1})
    slow = ScriptedEngine(ScriptedSettings(tokens_per_second=5, answer_tokens=500))
    async with (
        house(database_url, redis_url, settings=few) as home,
        working(home.worker(slow)),
        serving(app_of(home)) as address,
    ):
        await until(home.service.engine_info)
        _, secret = await ApiKeys(home.database).create("eager", requests_per_minute=9)
        async with openai.AsyncOpenAI(
            base_url=f"{address}/v1", api_key=secret, max_retries=0
        ) as client:
            stream = await client.chat.completions.create(model="any", messages=HI, stream=True)
            with pytest.raises(openai.RateLimitError) as refused:
                await ask(client)
            await stream.close()
    assert refused.value.code == "queue_full"
    assert refused.value.response.headers["x-ratelimit-remaining-requests"] == "7"


async def test_a_day_s_tokens_are_those_of_the_turns_and_end_in_429(gateways: Gateways) -> None:
    _, secret = await gateways.keys.create("little", tokens_per_day=20)
    async with gateways.client(secret) as one, gateways.client(secret, 1) as two:
        spent = 0
        with pytest.raises(openai.RateLimitError, match="20 tokens of today") as refused:
            for client in (one, two) * 10:
                spent += (await ask(client)).parse().usage.total_tokens
        assert refused.value.code == "insufficient_quota"
        assert 20 <= spent < 20 + 6  # it ends with the answer that went over
        assert (await one.models.list()).data  # which costs no token


async def test_what_is_under_way_counts_as_far_as_it_is_written(gateways: Gateways) -> None:
    home = gateways.homes[0]
    key, secret = await gateways.keys.create("slow", tokens_per_day=1000)
    async with gateways.client(secret) as client:
        await ask(client)
    await home.rows(
        "UPDATE turns SET state = 'running', prompt_token_ids = '{1,2,3}',"
        " reply_token_ids = '{4,5}', lease_until = now() + interval '1 hour'"
    )
    account = home.service.accounts.get("api", "default")
    quotas = Quotas(home.database, home.redis, account.id)
    room = await quotas.tokens_left(key.id, f"key-{key.id}", 1000)
    assert room.remaining == 1000 - 5


async def test_texts_that_were_embedded_count_too(gateways: Gateways) -> None:
    _, secret = await gateways.keys.create("vectors", tokens_per_day=5)
    async with gateways.client(secret) as one, gateways.client(secret, 1) as two:
        for client in (one, two):
            await client.embeddings.create(model="any", input="three words each")
        with pytest.raises(openai.RateLimitError, match="5 tokens of today"):
            await one.embeddings.create(model="any", input="more")


async def test_what_a_background_key_asks_waits_for_people(gateways: Gateways) -> None:
    for background in (False, True):
        _, secret = await gateways.keys.create(f"key-{background}", background=background)
        async with gateways.client(secret) as client:
            await ask(client)
            await client.completions.create(model="any", prompt="x")
    rows = await gateways.homes[0].rows(
        "SELECT persons.name, array_agg(priority) AS priorities FROM turns"
        " JOIN persons ON persons.id = person_id GROUP BY 1 ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [
        ("key-False", [fair.PERSON] * 2),
        ("key-True", [fair.BACKGROUND_WORK] * 2),
    ]


async def test_yesterday_s_tokens_are_forgotten(gateways: Gateways) -> None:
    home = gateways.homes[0]
    _, secret = await gateways.keys.create("daily", tokens_per_day=1)
    async with gateways.client(secret) as client:
        assert await status(client) == 200
        assert await status(client) == 429
        await home.rows("UPDATE turns SET created_at = created_at - interval '1 day'")
        assert await status(client) == 200


async def test_without_redis_the_minute_is_counted_from_turns(gateways: Gateways) -> None:
    home = gateways.homes[0]
    _, secret = await gateways.keys.create("alone", requests_per_minute=2)
    nobody = Redis.from_url("redis://127.0.0.1:1", decode_responses=True, socket_timeout=None)
    async with (
        serving(app_of(home, nobody)) as address,
        openai.AsyncOpenAI(base_url=f"{address}/v1", api_key=secret, max_retries=0) as client,
    ):
        assert [await status(client) for _ in range(3)] == [200, 200, 429]
    await nobody.aclose()


async def test_each_key_is_somebody_of_its_own_for_the_queue(gateways: Gateways) -> None:
    for name in ("one", "two"):
        _, secret = await gateways.keys.create(name)
        async with gateways.client(secret) as client:
            await ask(client)
            await ask(client)
    rows = await gateways.homes[0].rows(
        "SELECT persons.name, count(*) FROM turns JOIN persons ON persons.id = person_id"
        " GROUP BY 1 ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [("one", 2), ("two", 2)]


async def test_a_use_is_noted_and_nothing_of_a_key_is_kept_or_logged(
    gateways: Gateways,
    database_url: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with caplog.at_level(logging.DEBUG):
        key, secret = await gateways.keys.create("quiet")
        async with gateways.client(secret) as client:
            assert await status(client) == 200
            with pytest.raises(openai.BadRequestError) as refused:
                await ask(client, temperature=9)
    (found,) = await gateways.keys.listed()
    assert found.last_used_at is not None
    random = secret.removeprefix(key.prefix)
    ours = [one for one in caplog.records if one.name.partition(".")[0] not in CLIENTS]
    said = "".join([*(one.getMessage() for one in ours), *capfd.readouterr()])
    assert random not in said
    assert random not in str(refused.value.response.headers) + refused.value.response.text
    assert random not in repr(found) + repr(Keyring(SecretStr(secret)))
    with psycopg.connect(database_url) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
        for (table,) in tables:
            rows = connection.execute(f'SELECT t::text FROM "{table}" AS t').fetchall()
            assert not [row for row in rows if random in row[0]], table
            assert not [row for row in rows if random.encode().hex() in row[0]], table


async def test_a_name_is_given_once_until_it_is_revoked(gateways: Gateways) -> None:
    await gateways.keys.create("billing")
    with pytest.raises(KeyRefused, match="already"):
        await gateways.keys.create("billing")
    await gateways.keys.revoke("billing")
    await gateways.keys.create("billing")
    assert [key.revoked_at is None for key in await gateways.keys.listed()] == [False, True]
