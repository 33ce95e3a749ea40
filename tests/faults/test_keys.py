"""`outrider keys` beside running gateways, and what workers of several kinds serve through them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import openai
import pytest

from tests.support.house import until
from tests.support.program import Program

Make = Callable[..., Program]


async def command(make: Make, folder: Path, settings: dict[str, str], *words: str):
    """Its exit status and what it said, on stdout and stderr."""
    one = make(folder / "command", settings=settings, command=words)
    one.start()
    status = await one.ended(60)
    assert "Traceback" not in one.output, one.output
    return status, one.output


async def test_a_key_is_made_shown_once_listed_and_revoked(outrider: Make, tmp_path: Path) -> None:
    running = outrider(tmp_path / "data")
    running.start()
    await running.until_ready()
    beside = {"DATA_DIR": str(tmp_path / "data")}

    async def keys(*words: str) -> tuple[int, str]:
        return await command(outrider, tmp_path, beside, "keys", *words)

    assert (await keys("list"))[1].startswith("There is no key beside the one of the settings")
    status, said = await keys(
        "create", "billing", "--scope", "chat", "--scope", "models", "--requests-per-minute",
        "60", "--tokens-per-day", "200000", "--expires", "90d",
    )  # fmt: skip
    secret = next(line for line in said.splitlines() if line.startswith("sk-outrider-"))
    assert (status, len(secret)) == (0, len("sk-outrider-") + 43)
    async with openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key=secret) as client:
        assert [model.id async for model in client.models.list()] == ["scripted"]
        _, listed = await keys("list")
        shown = ("billing", "until 2", "chat, models", "60", "200,000", f"{secret[:18]}…")
        assert all(word in listed for word in shown), listed
        assert secret not in listed
        (row,) = [json.loads(line) for line in (await keys("list", "--json"))[1].splitlines()]
        assert (row["name"], row["tokens_per_day"], row["revoked_at"]) == ("billing", 200000, None)
        assert row["last_used_at"] is not None
        status, said = await keys("revoke", f"{secret[:18]}…")
        assert (status, said.startswith("The key billing (")) == (0, True)
        await until(lambda: _refused(client))
    assert secret not in running.output
    for words, sentence in (
        (("revoke", "billing"), "names no key that could be revoked"),
        (("revoke", "default"), "change OUTRIDER_API__KEY"),
        (("create", "default"), "is the key of the settings"),
        (("create", "a b"), "can't be a key's name"),
        (("create", "x", "--expires", "soon"), "is no end"),
        (("create", "x", "--expires", "2001-01-01"), "is over already"),
        (("create", "x", "--expires", "9999-12-31"), "is no end"),
        (("create", "x", "--requests-per-minute", "0"), "must be between 1"),
    ):
        status, said = await keys(*words)
        assert status == 1, said
        assert sentence in said


async def _refused(client: openai.AsyncOpenAI) -> bool:
    try:
        await client.models.list()
    except openai.AuthenticationError:
        return True
    return False


async def test_workers_of_several_kinds_are_listed_and_each_asked_for_its_own(
    outrider: Make, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    urls = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    upgraded, _ = await command(outrider, tmp_path, urls, "db", "upgrade")
    assert upgraded == 0
    gateway = outrider(tmp_path / "gateway", settings=urls, command=("gateway",))
    gateway.start()
    await gateway.until((tmp_path / "gateway" / "server.json").exists)
    async with openai.AsyncOpenAI(
        base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0
    ) as client:
        plain = outrider(tmp_path / "plain", settings=urls, command=("worker",))
        plain.start()
        await gateway.until_ready()
        with pytest.raises(openai.NotFoundError, match="makes no embeddings"):
            await client.embeddings.create(model="any", input="x")
        plain.end()
        able = urls | {"ENGINE__SCRIPTED__EMBEDDINGS": "true"}
        worker = outrider(tmp_path / "able", settings=able, command=("worker",))
        worker.start()

        async def serves() -> bool:
            models = [model async for model in client.models.list()]
            return any("embeddings" in model.capabilities for model in models)

        await until(lambda: _eventually(serves))
        found = await client.embeddings.create(model="any", input=["a b", "c"])
        assert [len(one.embedding) for one in found.data] == [32, 32]
        assert found.usage.total_tokens == 3
        done = await client.completions.create(model="any", prompt="Once", max_tokens=7)
        assert done.choices[0].text == "You wrote 1 message, the last one:"


async def _eventually(serves: Callable[[], object]) -> bool:
    try:
        return bool(await serves())  # type: ignore[misc]
    except openai.APIStatusError:
        return False
