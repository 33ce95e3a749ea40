"""Operations on real processes: a gateway and a worker that an admin's program tells what to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from assistant.storage.api_keys import ApiKeys
from assistant.storage.database import open_database
from tests.support.house import until
from tests.support.program import Program, stream

Make = Callable[..., Program]
PACE = {"ENGINE__SCRIPTED__TOKENS_PER_SECOND": "30", "ENGINE__SCRIPTED__ANSWER_TOKENS": "60"}


@asynccontextmanager
async def managed(gateway: Program, database_url: str) -> AsyncIterator[Callable[..., Any]]:
    """Asks the dashboard's API: method, path, body; returns the answer's JSON."""
    async with open_database(database_url) as database:
        _, secret = await ApiKeys(database).create(
            "operations", scopes=["admin.view", "admin.operate"]
        )
    head = {"authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(
        base_url=f"{gateway.url}/v1/admin", headers=head, timeout=30, trust_env=False
    ) as client:

        async def ask(method: str, path: str, body: object = None) -> Any:
            answer = await client.request(method, path, json=body)
            assert answer.is_success, answer.text
            return answer.json() if answer.content else None

        yield ask


async def test_a_worker_restarts_its_engine_and_all_processes_take_level_and_maintenance(
    outrider: Make, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    urls = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, **PACE}
    gateway = outrider(tmp_path / "gateway", settings=urls, command=("gateway",))
    worker = outrider(tmp_path / "worker", settings=urls, command=("worker",))
    for one in (gateway, worker):
        one.start()
    await gateway.until_ready()
    async with managed(gateway, database_url) as ask:
        listed = await ask("GET", "/processes")
        assert [one["role"] for one in listed["processes"]] == ["gateway", "worker"]
        (name,) = [one["process"] for one in listed["workers"]]

        pieces = stream(gateway, "tell me a story")
        text = await anext(pieces)
        await ask("POST", f"/processes/{name}/engine/restart", {"drain_seconds": 30})
        text += "".join([piece async for piece in pieces])
        assert len(text.split()) == 60, "what was being answered ended first"

        async def outcome() -> list[str]:
            (told,) = (await ask("GET", "/directives"))["data"]
            return [one["detail"] for one in told["outcomes"] if one["state"] == "done"]

        await until(outcome)
        assert (await outcome())[0].startswith("The engine was built anew")
        again = "".join([piece async for piece in stream(gateway, "once more")])
        assert "once more" in again, "the same process answers"

        await ask("PUT", "/log-level", {"level": "debug"})

        async def levels() -> bool:
            found = await ask("GET", "/processes")
            return {one["log_level"] for one in found["processes"]} == {"debug"}

        await until(levels)
        await ask("PUT", "/maintenance", {"on": True, "message": "until six"})
        await asyncio.sleep(2.5)  # by then every process has looked
        await _is_maintained(gateway)
        await ask("PUT", "/maintenance", {"on": False})


async def _is_maintained(gateway: Program) -> None:
    async with httpx.AsyncClient(base_url=gateway.url, timeout=30, trust_env=False) as client:
        answer = await client.post(
            "/v1/chat/completions",
            headers={"authorization": f"Bearer {gateway.key}"},
            json={"model": "any", "messages": [{"role": "user", "content": "Hello"}]},
        )
    assert (answer.status_code, "until six" in answer.text) == (503, True)
