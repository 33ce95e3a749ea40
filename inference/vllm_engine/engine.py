"""The engine in our process: vLLM's AsyncLLM behind the `Engine` port.

The API half of vLLM runs in this process; the engine core, with its worker where that is one, is a
child. Here it is started, watched and ended; `loaded.py` asks it. Building blocks for tens of
seconds, so it happens in a thread. Only `start.build_engine` imports this.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from inference.api import (
    ChatMessage,
    Delta,
    EngineHealth,
    EngineInfo,
    EngineState,
    EngineStatistics,
    GenerationRequest,
    Progress,
    Prompt,
    Sampling,
)
from inference.errors import EngineError, EngineUnavailable, ModelNotFound, in_short
from inference.moe.proof import prove
from inference.plan.beside_engine import compare_with_engine
from inference.processes import (
    EngineProcess,
    end_processes,
    multiprocessing_children,
    with_descendants,
)
from inference.profiles import Profile
from inference.vllm_engine.launch import (
    OURS,
    Experts,
    engine_arguments,
    environment,
    environment_set,
    in_a_line,
    quiet_end,
    quiet_imports,
    vllm_logs_to_ours,
)
from inference.vllm_engine.loaded import CoreEnded, Loaded, loaded
from inference.vllm_engine.start_reports import reports
from inference.vllm_engine.statistics import StepCounts, stat_logger

# How long the engine core may take to go before it is killed.
SHUTDOWN_SECONDS = 2.0
# How long killed processes may take to be gone before others are started; at an end nobody waits.
GONE_SECONDS = 60.0
# How long the first step may take: it may compile what it is the first to need.
WARM_UP_SECONDS = 300.0
# How long its memory may take to go, or to come back: Scout's weights cross the bus in seconds.
SLEEP_SECONDS = 60.0
CORE_ENDED = "The engine's process has ended."
STOPPED = "The engine was stopped while it started."

# Finds the weights, building them first where needed; called in a thread.
Locate = Callable[[Progress], str]

_log = structlog.get_logger()


class VllmEngine:
    """`overrides` go to vLLM's engine arguments as they are (tests and benchmarks use them).

    `sleeps`: it will be asked to sleep, for which a GPU's memory must be allocated in another way.
    """

    def __init__(
        self,
        profile: Profile,
        locate: Locate,
        *,
        debug: bool = False,
        sleeps: bool = False,
        ray_address: str | None = None,
        experts: Experts = OURS,
        overrides: Mapping[str, Any] | None = None,
    ) -> None:
        self._profile = profile
        self._locate = locate
        self._debug = debug
        self._sleeps = sleeps
        self._ray_address = ray_address
        self._experts = experts
        self._overrides = dict(overrides or {})
        self._llm: Any = None
        self._folder = ""  # of the model that was loaded
        self._loaded: Loaded | None = None
        self._state: EngineState = "stopped"
        self._detail = ""
        self._processes: set[EngineProcess] = set()
        self._counts = StepCounts()
        self._stopping = threading.Event()

    @property
    def info(self) -> EngineInfo:
        if self._loaded is None:
            raise EngineUnavailable("The engine has not started yet: wait a moment.")
        return self._loaded.info

    async def start(self, progress: Progress) -> None:
        """Raises ModelBuildFailed, ModelNotFound, EngineUnavailable, ExpertsNotProven."""
        self._state, self._detail = "starting", "loading the model"
        self._stopping.clear()
        async with reports(progress) as listening:
            await self._start(progress, listening)
        self._state, self._detail = "ready", ""
        progress("ready", 1.0)

    async def _start(self, progress: Progress, listening: dict[str, str]) -> None:
        await self._memory_given_back()
        others = multiprocessing_children()
        building = asyncio.create_task(
            asyncio.to_thread(self._build, _threadsafe(progress, self._stopping), listening)
        )
        try:
            await asyncio.shield(building)
            progress("warming up", None)
            await self._warm_up()
            await self._prove_experts()
            await self._hold_to_plan()
            if self._stopping.is_set():
                raise EngineUnavailable(STOPPED)
        except BaseException as error:
            # A thread can't be cancelled: it is told to stop, the processes that it waits for are
            # ended, and it is cleared up after.
            self._stopping.set()
            while not building.done():
                await asyncio.to_thread(
                    end_processes, with_descendants(multiprocessing_children() - others)
                )
                await asyncio.wait([building], timeout=0.2)
            if not building.cancelled():
                building.exception()
            await self.stop()
            if isinstance(error, EngineError):
                self._detail = str(error)
            raise

    async def stop(self) -> None:
        self._stopping.set()
        self._state = "stopped"
        await self._end()

    async def sleep(self) -> None:
        """By vLLM's sleep mode on a GPU: weights wait in the host's memory. Elsewhere its
        processes end, and waking starts them."""
        llm = self._ready()
        self._state = "asleep"
        if not llm.model_config.enable_sleep_mode:
            await self._end()
            return
        try:
            async with asyncio.timeout(SLEEP_SECONDS):
                await llm.sleep(level=1)
        except Exception as error:
            raise self._died("The engine did not fall asleep", error) from error

    async def wake(self, progress: Progress) -> None:
        if self._state != "asleep":
            return
        if self._llm is None:
            await self.start(progress)
            return
        self._state = "starting"
        progress("waking", None)
        try:
            async with asyncio.timeout(SLEEP_SECONDS):
                await self._llm.wake_up()
                await self._first_token()
        except Exception as error:
            raise self._died("The engine did not wake up", error) from error
        self._state, self._detail = "ready", ""
        progress("ready", 1.0)

    async def _end(self) -> None:
        """End vLLM and its processes, those that stand still too."""
        quiet_end()
        llm, self._llm = self._llm, None
        if self._loaded is not None:
            self._loaded = replace(self._loaded, llm=None)
        if llm is not None:
            from vllm.v1.engine.exceptions import EngineDeadError

            # Its own shutdown leaves those waiting for ever that still wait for an answer.
            llm.output_processor.propagate_error(EngineDeadError())
            with contextlib.suppress(Exception):
                await asyncio.to_thread(llm.shutdown, SHUTDOWN_SECONDS)
        await asyncio.to_thread(end_processes, self._processes)
        self._processes = {one for one in self._processes if one.is_running()}

    async def _memory_given_back(self) -> None:
        """Wait for processes that were killed and are not gone: what they still hold of the memory
        would be missing at the next start."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GONE_SECONDS):
                while any(one.is_running() for one in self._processes):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)

    async def render(
        self, messages: Sequence[ChatMessage], sampling: Sampling | None = None
    ) -> Prompt:
        return await self._model().render(messages, sampling or Sampling())

    async def generate(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        llm = self._ready()
        try:
            async with contextlib.aclosing(self._model().generate(request)) as deltas:
                async for delta in deltas:
                    yield delta
        except CoreEnded as error:
            raise self._core_ended(llm) from error

    async def health(self) -> EngineHealth:
        if self._state in ("ready", "asleep") and self._llm is not None:
            from vllm.v1.engine.exceptions import EngineDeadError

            try:
                await self._llm.check_health()
            except EngineDeadError:
                self._state, self._detail = "dead", CORE_ENDED
        return EngineHealth(self._state, self._detail)

    def statistics(self) -> EngineStatistics:
        running = self._llm.get_num_unfinished_requests() if self._llm is not None else 0
        return self._counts.statistics(running)

    async def call_workers(self, method: str, *arguments: Any) -> list[Any]:
        """Call a method of the workers, or of their extension class, in each of them (tests)."""
        results = await self._ready().collective_rpc(method, args=arguments)
        return list(results)

    # --- starting ---

    def _build(self, progress: Progress, listening: dict[str, str]) -> None:
        """Everything that blocks: in a thread. `listening` goes into the processes' environment."""
        progress("locating the model", None)
        model = self._folder = self._locate(progress)
        progress("loading vLLM", None)
        quiet_imports()
        others = multiprocessing_children()
        variables = environment(self._profile, model, self._debug, self._ray_address, self._experts)
        with environment_set({**variables, **listening}):
            try:
                self._build_llm(model, progress)
            except (EngineError, KeyboardInterrupt):
                raise
            except (FileNotFoundError, ValueError, OSError) as error:
                said = in_a_line(error)
                raise ModelNotFound(f"The model {model} can't be loaded: {said}") from error
            except Exception as error:
                raise EngineUnavailable(f"vLLM did not start: {error}") from error
            finally:
                self._processes = with_descendants(multiprocessing_children() - others)

    def _build_llm(self, model: str, progress: Progress) -> None:
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        moe = self._experts.path
        arguments = engine_arguments(self._profile, model, moe)
        arguments["enable_sleep_mode"] = self._sleeps and self._profile.gpus > 0
        progress("starting the engine", None)
        self._llm = AsyncLLM.from_engine_args(
            AsyncEngineArgs(**arguments | self._overrides),
            stat_loggers=[stat_logger(self._counts)],
        )
        vllm_logs_to_ours()
        self._loaded = loaded(self._profile, model, self._llm)

    async def _warm_up(self) -> None:
        """Nobody watches an engine yet that has not started, so it may not stand still here."""
        try:
            async with asyncio.timeout(WARM_UP_SECONDS):
                await self._first_token()
        except TimeoutError as error:
            raise EngineUnavailable(
                f"The model made no first token within {WARM_UP_SECONDS:.0f} seconds."
            ) from error

    async def _first_token(self) -> None:
        """The first step is slow (buffers, threads): nobody should wait for it.

        The engine is not ready before it is done, and it is counted nowhere.
        """
        self._counts.counting = False
        prompt = await self.render([ChatMessage("user", "Hello")])
        request = GenerationRequest("warm-up", prompt, Sampling(temperature=0.0, max_tokens=1))
        async for _ in self.generate(request):
            pass
        self._counts.counting = True

    async def _prove_experts(self) -> None:
        """Raises ExpertsNotProven."""
        self._tell(experts=await prove(self._experts.path, self._llm))

    async def _hold_to_plan(self) -> None:
        found = await compare_with_engine(self._profile, self._folder, self._llm)
        if found is not None:
            self._tell(plan=found.line, as_planned=found.holds)

    def _tell(self, **what: Any) -> None:
        """Add to what the engine says of itself."""
        self._loaded = replace(self._model(), info=replace(self.info, **what))

    def _ready(self) -> Any:
        """vLLM, where it can answer; while it warms up, that is the warm-up's own question."""
        if self._state not in ("starting", "ready") or self._llm is None:
            raise self._unavailable()
        return self._llm

    def _model(self) -> Loaded:
        if self._loaded is None:
            raise self._unavailable()
        return self._loaded

    def _core_ended(self, llm: Any) -> EngineUnavailable:
        if llm is self._llm:  # else it was ended on purpose
            self._state, self._detail = "dead", CORE_ENDED
        return self._unavailable()

    def _died(self, what: str, error: Exception) -> EngineUnavailable:
        late = isinstance(error, TimeoutError)
        why = f"it took over {SLEEP_SECONDS:.0f} seconds" if late else in_short(str(error))
        self._state, self._detail = "dead", f"{what}: {why or type(error).__name__}."
        return EngineUnavailable(self._detail)

    def _unavailable(self) -> EngineUnavailable:
        return EngineUnavailable(f"The model is not available ({self._state}): try again shortly.")


def _threadsafe(progress: Progress, stopping: threading.Event) -> Progress:
    """`progress` for another thread; raises there once the engine is being stopped."""
    loop = asyncio.get_running_loop()

    def report(line: str, share: float | None) -> None:
        if stopping.is_set():
            raise EngineUnavailable(STOPPED)
        loop.call_soon_threadsafe(progress, line, share)

    return report
