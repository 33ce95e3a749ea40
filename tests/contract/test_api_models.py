"""`/v1/models`, `/v1/embeddings`, and what is said at addresses that aren't there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import httpx
import openai
import pytest

from inference.api import EngineInfo
from tests.contract.test_api import api
from tests.support.chat_app import KEY
from tests.support.memory_assistant import INFO, MemoryAssistant

SCOUT = replace(INFO, model="meta/scout", profile="scout", vision=True)
VECTORS = replace(
    INFO, model="vectors-1", profile="embedder", generates=False, embeddings="vectors-1"
)
ABLE = replace(INFO, embeddings="vectors-1")


async def test_a_model_is_listed_with_what_it_can() -> None:
    async with api() as (_, client):
        (model,) = [model async for model in client.models.list()]
        assert (model.id, model.object, model.owned_by) == ("echo-1", "model", "outrider")
        assert model.max_model_len == INFO.max_model_len
        assert model.capabilities == ["chat", "completions"]
        assert model.profile == "scripted"


async def test_one_is_retrieved_by_its_name_also_one_with_a_slash() -> None:
    async with api(info=SCOUT) as (_, client):
        model = await client.models.retrieve("meta/scout")
        assert (model.id, model.capabilities) == ("meta/scout", ["chat", "completions", "vision"])
        with pytest.raises(openai.NotFoundError, match="GET /v1/models lists") as refused:
            await client.models.retrieve("gpt-4")
        assert refused.value.code == "model_not_found"


async def test_every_worker_s_model_is_listed() -> None:
    async with api() as (assistant, client):
        assistant.beside = [SCOUT, VECTORS]
        listed = {model.id: model.capabilities async for model in client.models.list()}
        assert listed == {
            "echo-1": ["chat", "completions"],
            "meta/scout": ["chat", "completions", "vision"],
            "vectors-1": ["embeddings"],
        }


async def test_while_nothing_is_served_it_is_503() -> None:
    async with api(info=None) as (_, client):
        for asking in (client.models.list(), client.models.retrieve("x")):
            with pytest.raises(openai.InternalServerError) as refused:
                await asking
            assert refused.value.status_code == 503


async def test_embeddings_come_in_their_order_in_both_forms() -> None:
    async with api(info=ABLE) as (_, client):
        done = await client.embeddings.create(model="any", input=["a", "abc"])
        assert [one.embedding for one in done.data] == [[1.0, 0.5], [3.0, 0.5]]
        assert [one.index for one in done.data] == [0, 1]
        assert done.model == "vectors-1"
        assert done.usage.total_tokens == 2
        plain = await client.embeddings.create(model="any", input="ab", encoding_format="float")
        assert plain.data[0].embedding == [2.0, 0.5]


async def test_where_nothing_makes_embeddings_it_says_so() -> None:
    async with api() as (_, client):
        with pytest.raises(openai.NotFoundError, match="echo-1 makes no embeddings") as refused:
            await client.embeddings.create(model="any", input="a")
        assert refused.value.code == "model_not_found"
    async with api(info=None) as (_, client):
        with pytest.raises(openai.InternalServerError):
            await client.embeddings.create(model="any", input="a")


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"input": [1, 2]}, "input"),
        ({"input": ""}, "input"),
        ({"input": ["x"] * 257}, "input"),
        ({"input": "x", "dimensions": 8}, "dimensions"),
        ({"input": "x", "encoding_format": "hex"}, "encoding_format"),
    ],
)
async def test_what_can_not_be_embedded_is_named(given, param) -> None:
    async with api(info=ABLE) as (_, client):
        with pytest.raises(openai.BadRequestError) as refused:
            await client.embeddings.create(model="any", **given)
        assert refused.value.param == param


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/chat", 404),
        ("GET", "/chat/completions", 405),
        ("DELETE", "/models", 405),
        ("POST", "/completions", 400),
        ("POST", "/embeddings", 400),
    ],
)
async def test_every_refusal_under_v1_has_openai_s_form(method, path, status) -> None:
    headers = {"authorization": f"Bearer {KEY.get_secret_value()}"}
    async with (
        api() as (_, client),
        httpx.AsyncClient(base_url=str(client.base_url), headers=headers) as http,
    ):
        answer = await http.request(method, path, content=b"{")
        assert answer.status_code == status
        error = answer.json()["error"]
        assert error.keys() == {"message", "type", "param", "code"}
        assert error["type"] == "invalid_request_error"
        assert error["message"].endswith(".")


class Broken(MemoryAssistant):
    async def engines(self) -> Sequence[EngineInfo]:
        raise RuntimeError("the secret of the house")


async def test_a_fault_of_ours_is_500_in_openai_s_form_and_tells_nothing() -> None:
    async with api(kind=Broken) as (_, client):
        with pytest.raises(openai.InternalServerError) as refused:
            await client.models.list()
        assert refused.value.type == "server_error"
        assert "secret" not in str(refused.value)
