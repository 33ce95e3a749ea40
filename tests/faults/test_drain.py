"""SIGTERM lets answers end in time, hands over the others, and a second one waits for nothing."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.faults.test_roles import reply, send
from tests.support.program import Program, stream

Make = Callable[..., Program]


def paced(tokens_per_second: int, answer_tokens: int, drain_seconds: float) -> dict[str, str]:
    return {
        "ENGINE__SCRIPTED__TOKENS_PER_SECOND": str(tokens_per_second),
        "ENGINE__SCRIPTED__ANSWER_TOKENS": str(answer_tokens),
        "ASSISTANT__DRAIN_SECONDS": str(drain_seconds),
    }


async def test_an_answer_ends_before_the_program_does(outrider: Make, tmp_path: Path) -> None:
    program = outrider(tmp_path / "data", settings=paced(40, 100, 30))
    program.start()
    await program.until_ready()
    pieces = stream(program, "tell me a story")
    text = await anext(pieces)
    program.signal(signal.SIGTERM)
    await program.until(lambda: "Ending 1 answer" in program.output)
    async with httpx.AsyncClient(base_url=program.url, trust_env=False) as web:
        ready = await web.get("/readyz")
        assert (ready.status_code, ready.json()["process"]) == (503, "draining")
        assert ready.json()["engine"].startswith("draining")
    text += "".join([piece async for piece in pieces])
    assert len(text.split()) == 100
    assert await program.ended() == 0, program.output
    assert not program.left_over()


async def test_a_second_signal_waits_for_nothing(outrider: Make, tmp_path: Path) -> None:
    program = outrider(tmp_path / "data", settings=paced(20, 5000, 300))
    program.start()
    await program.until_ready()
    pieces = stream(program, "tell me a long story")
    await anext(pieces)
    program.signal(signal.SIGINT)
    await program.until(lambda: "Ending 1 answer" in program.output)
    program.signal(signal.SIGINT)
    assert await program.ended() == 0, program.output
    await pieces.aclose()
    assert not program.left_over()


async def test_what_a_worker_cannot_end_in_time_goes_on_at_another_in_place(
    outrider: Make, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    urls = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    gateway = outrider(tmp_path / "gateway", settings=urls, command=("gateway",))
    gateway.start()
    slow, fast = paced(20, 300, 0.5), paced(2000, 300, 0.5)
    first = outrider(tmp_path / "first", settings=urls | slow, command=("worker",))
    first.start()
    await gateway.until_ready()
    async with httpx.AsyncClient(base_url=gateway.url, timeout=30, trust_env=False) as web:
        assert (await web.get("/")).is_success  # the cookie
        turn = await send(web, "Tell me a story")
        reading = asyncio.create_task(reply(web, turn))
        await asyncio.sleep(1.5)  # some of it was said and written down
        second = outrider(tmp_path / "second", settings=urls | fast, command=("worker",))
        second.start()
        first.signal(signal.SIGTERM)
        assert await first.ended() == 0, first.output
        page = await reading
    assert page.count("You wrote 1 message, the last one: Tell me a story") == 1
    assert not first.left_over()


async def test_a_worker_says_how_it_is_at_an_address_of_its_own(
    outrider: Make, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    settings = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "WORKER__PORT": "0"}
    settings |= {"HTTP__ALLOWED_HOSTS": "chat.example"}  # the gateways', from a shared .env
    settings |= paced(20, 400, 30)
    worker = outrider(tmp_path / "worker", settings=settings, command=("worker",))
    worker.start()
    await worker.until(lambda: "Health and metrics at http://127.0.0.1:" in worker.output)
    address = worker.output.partition("Health and metrics at ")[2].split()[0]
    async with httpx.AsyncClient(base_url=address, timeout=30, trust_env=False) as web:

        async def ready() -> bool:
            return (await web.get("/readyz")).is_success

        async with asyncio.timeout(30):
            while not await ready():
                await asyncio.sleep(0.1)
        assert (await web.get("/readyz")).json()["engine"] == "ready"
        assert (await web.get("/healthz")).text == "alive\n"
        metrics = (await web.get("/metrics")).text
        assert 'outrider_engine_state{profile="scripted",state="ready"} 1.0' in metrics
        other = await web.get("/metrics", headers={"host": "evil.example"})
        assert other.status_code == 421
        assert (await web.get("/v1/models")).status_code == 404
    worker.signal(signal.SIGTERM)
    assert await worker.ended() == 0, worker.output


async def test_a_worker_that_others_could_read_needs_a_key(
    outrider: Make, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    settings = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    settings |= {"WORKER__PORT": "0", "WORKER__HOST": "0.0.0.0"}
    worker = outrider(tmp_path / "worker", settings=settings, command=("worker",))
    assert "set OUTRIDER_HTTP__METRICS_KEY" in await worker.refusal()
