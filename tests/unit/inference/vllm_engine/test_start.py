"""An engine's start has an end, whatever stands still in it. Nothing of vLLM is loaded here."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from inference.errors import EngineUnavailable
from inference.plan import measured
from inference.plan.beside_engine import compare_with_engine
from inference.processes import with_descendants
from inference.profiles import profile_named
from inference.vllm_engine import engine as vllm_engine
from inference.vllm_engine.engine import VllmEngine
from inference.vllm_engine.worker_report import WORKER

DEMO = profile_named("demo")


def quiet(line: str, share: float | None) -> None:
    pass


class BuiltEngine(VllmEngine):
    """Its processes are there at once; what comes behind may stand still."""

    def __init__(
        self,
        *,
        first_token: asyncio.Event,
        plan: asyncio.Event,
        built: asyncio.Event | None = None,
    ) -> None:
        super().__init__(DEMO, lambda progress: "")
        self._waits_for = first_token, plan
        self._built = built or asyncio.Event()

    def _build(self, *given: object) -> None:
        self._built.set()

    async def _first_token(self) -> None:
        await self._waits_for[0].wait()

    async def _prove_experts(self) -> None:
        pass

    async def _hold_to_plan(self) -> None:
        await self._waits_for[1].wait()


async def test_a_first_token_that_never_comes_ends_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vllm_engine, "WARM_UP_SECONDS", 0.05)
    engine = BuiltEngine(first_token=asyncio.Event(), plan=asyncio.Event())
    with pytest.raises(EngineUnavailable, match="no first token"):
        async with asyncio.timeout(5):
            await engine.start(quiet)
    health = await engine.health()
    assert health.state == "stopped"
    assert "no first token" in health.detail


async def test_an_engine_that_is_stopped_while_it_starts_is_never_ready() -> None:
    first_token, plan = asyncio.Event(), asyncio.Event()
    first_token.set()
    engine = BuiltEngine(first_token=first_token, plan=plan)
    async with asyncio.TaskGroup() as group:
        starting = group.create_task(refused(engine))
        await asyncio.sleep(0.05)
        await engine.stop()
        plan.set()
    assert "stopped while it started" in starting.result()
    assert (await engine.health()).state == "stopped"


async def test_an_engine_is_built_when_the_one_before_is_gone_with_its_memory() -> None:
    first_token, plan, built = asyncio.Event(), asyncio.Event(), asyncio.Event()
    first_token.set()
    plan.set()
    engine = BuiltEngine(first_token=first_token, plan=plan, built=built)
    former = await asyncio.create_subprocess_exec("sleep", "60")
    engine._processes = with_descendants([former.pid])
    starting = asyncio.create_task(engine.start(quiet))
    await asyncio.sleep(0.2)
    assert not built.is_set()
    former.kill()
    await former.wait()
    await starting
    assert built.is_set()


async def refused(engine: VllmEngine) -> str:
    with pytest.raises(EngineUnavailable) as raised:
        await engine.start(quiet)
    return str(raised.value)


async def test_workers_that_never_say_their_memory_cost_only_the_comparison(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(method: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(measured, "ASK_SECONDS", 0.05, raising=False)
    parallel = SimpleNamespace(worker_cls=WORKER)
    llm = SimpleNamespace(
        vllm_config=SimpleNamespace(parallel_config=parallel), collective_rpc=never
    )
    async with asyncio.timeout(5):
        assert await compare_with_engine(DEMO, "nowhere", llm) is None


async def test_an_engine_that_does_not_wake_up_says_why() -> None:
    """As where another program has taken the card while it slept."""

    async def wake_up() -> None:
        raise RuntimeError("CUDA error: out of memory\nCompile with ...")

    engine = BuiltEngine(first_token=asyncio.Event(), plan=asyncio.Event())
    engine._state = "asleep"
    engine._llm = SimpleNamespace(wake_up=wake_up)
    with pytest.raises(EngineUnavailable, match=r"wake up: CUDA error: out of memory\.$"):
        await engine.wake(quiet)
    assert engine._state == "dead"
