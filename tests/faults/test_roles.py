"""A gateway and a worker as two processes, joined by Postgres and Redis alone."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.support.program import Program

Make = Callable[..., Program]


async def test_a_gateway_and_a_worker_answer_a_web_message(
    outrider: Make, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    urls = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    gateway = outrider(tmp_path / "gateway", settings=urls, command=("gateway",))
    gateway.start()
    await gateway.until((tmp_path / "gateway" / "server.json").exists)
    async with httpx.AsyncClient(base_url=gateway.url, timeout=30, trust_env=False) as web:
        alone = await web.get("/readyz")
        assert (alone.status_code, alone.json()["engine"]) == (503, "no worker")
        worker = outrider(tmp_path / "worker", settings=urls, command=("worker",))
        worker.start()
        await gateway.until_ready()
        assert (await web.get("/")).is_success  # the cookie
        assert "the last one: Hello there" in await reply(web, await send(web, "Hello there"))
        worker.signal(signal.SIGTERM)
        assert await worker.ended() == 0, worker.output
        # What is asked while no worker is there is answered by the next one.
        waiting = await send(web, "Anyone?")
        again = outrider(tmp_path / "worker", settings=urls, command=("worker",))
        again.start()
        assert "the last one: Anyone?" in await reply(web, waiting)
        gateway.signal(signal.SIGINT)
        assert await gateway.ended() == 0, gateway.output
    assert not gateway.left_over() | worker.left_over()


async def send(web: httpx.AsyncClient, text: str) -> int:
    """The turn that will answer."""
    sent = await web.post(
        "/chat/messages",
        json={"text": text, "client_id": uuid.uuid4().hex},
        headers={"origin": str(web.base_url).rstrip("/")},
    )
    assert sent.status_code == 200, sent.text
    return int(sent.json()["turn_id"])


async def reply(web: httpx.AsyncClient, turn_id: int) -> str:
    """The page after the turn's stream has ended."""
    streamed = await web.get(f"/chat/turns/{turn_id}/stream")
    assert "event: end" in streamed.text, streamed.text
    return (await web.get("/chat/history")).text
