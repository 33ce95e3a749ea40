"""The engine in our process: vLLM's AsyncLLM behind the `Engine` port.

The API half of vLLM runs in this process, the engine core and its worker are children. Building
blocks for tens of seconds, so it happens in a thread. Only `start.build_engine` imports this.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from inference.api import (
    ChatMessage,
    Delta,
    EngineHealth,
    EngineInfo,
    EngineState,
    EngineStatistics,
    FinishReason,
    GenerationRequest,
    Progress,
    Prompt,
    Resumed,
    Sampling,
)
from inference.chat import render_token_ids
from inference.errors import (
    EngineError,
    EngineOverloaded,
    EngineUnavailable,
    ImagesRefused,
    ModelNotFound,
    PromptTooLong,
    SamplingRefused,
)
from inference.moe.proof import prove
from inference.output_format import FORMAT_KINDS
from inference.plan.beside_engine import compare_with_engine
from inference.processes import (
    EngineProcess,
    end_processes,
    multiprocessing_children,
    with_descendants,
)
from inference.profiles import Profile
from inference.quantization import quantization_name
from inference.resume import ResumePoint, resume_point
from inference.vllm_engine.launch import (
    OURS,
    Experts,
    engine_arguments,
    environment,
    environment_set,
    quiet_end,
    quiet_imports,
    vllm_logs_to_ours,
)
from inference.vllm_engine.output import (
    AnswerReader,
    answer_reader,
    check_grammar,
    control_tokens,
    reason_in_short,
)
from inference.vllm_engine.start_reports import reports
from inference.vllm_engine.statistics import StepCounts, stat_logger, waited_seconds
from inference.vllm_engine.tools import ParserReader, parser_named
from inference.vllm_engine.vision import image_tokens, opened, readable

# How long the engine core may take to go before it is killed.
SHUTDOWN_SECONDS = 2.0
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
        max_num_seqs: int | None = None,
        debug: bool = False,
        sleeps: bool = False,
        ray_address: str | None = None,
        experts: Experts = OURS,
        overrides: Mapping[str, Any] | None = None,
    ) -> None:
        self._profile = profile
        self._locate = locate
        self._max_num_seqs = max_num_seqs
        self._debug = debug
        self._sleeps = sleeps
        self._ray_address = ray_address
        self._experts = experts
        self._overrides = dict(overrides or {})
        self._llm: Any = None
        self._model = ""  # the folder that was loaded
        self._tokenizer: Any = None
        self._tool_parser: Any = None
        self._control: frozenset[int] = frozenset()
        self._info: EngineInfo | None = None
        self._state: EngineState = "stopped"
        self._detail = ""
        self._processes: set[EngineProcess] = set()
        self._counts = StepCounts()
        self._stopping = threading.Event()

    @property
    def info(self) -> EngineInfo:
        if self._info is None:
            raise EngineUnavailable("The engine has not started yet: wait a moment.")
        return self._info

    async def start(self, progress: Progress) -> None:
        """Raises ModelBuildFailed, ModelNotFound, EngineUnavailable, ExpertsNotProven."""
        self._state, self._detail = "starting", "loading the model"
        self._stopping.clear()
        async with reports(progress) as listening:
            await self._start(progress, listening)
        self._state, self._detail = "ready", ""
        progress("ready", 1.0)

    async def _start(self, progress: Progress, listening: dict[str, str]) -> None:
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
            self._state, self._detail = "dead", f"The engine did not fall asleep: {error}"
            raise self._unavailable() from error

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
            self._state, self._detail = "dead", f"The engine did not wake up: {error}"
            raise self._unavailable() from error
        self._state, self._detail = "ready", ""
        progress("ready", 1.0)

    async def _end(self) -> None:
        """End vLLM and its processes, those that stand still too."""
        quiet_end()
        llm, self._llm = self._llm, None
        if llm is not None:
            from vllm.v1.engine.exceptions import EngineDeadError

            # Its own shutdown leaves those waiting for ever that still wait for an answer.
            llm.output_processor.propagate_error(EngineDeadError())
            with contextlib.suppress(Exception):
                await asyncio.to_thread(llm.shutdown, SHUTDOWN_SECONDS)
        await asyncio.to_thread(end_processes, self._processes)
        self._processes = set()

    async def render(
        self, messages: Sequence[ChatMessage], sampling: Sampling | None = None
    ) -> Prompt:
        if self._tokenizer is None:
            raise self._unavailable()
        sampling = sampling or Sampling()
        shown = tuple(messages)
        if any(one.images for one in shown):
            if not self.info.vision:
                raise ImagesRefused(self.info.model)
            shown = await asyncio.to_thread(readable, shown)
        token_ids = await asyncio.to_thread(
            render_token_ids,
            self._tokenizer,
            shown,
            sampling.offered,
            native_tools=self._native_tools(sampling),
        )
        room = sampling.max_tokens or self._profile.least_answer_tokens
        limit = max(self.info.max_model_len - room, 0)
        prompt = Prompt(messages=shown, token_ids=token_ids)
        if _length(prompt) > limit:
            raise PromptTooLong(_length(prompt), limit, sampling.max_tokens)
        return prompt

    async def generate(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        llm = self._ready()
        given = request.prompt
        if given.token_ids is None:
            given = await self.render(given.messages, request.sampling)
        prompt_tokens = _length(given)
        point = ResumePoint()
        if request.prefix_token_ids:
            point = self._resume_point(request)
            yield Delta("", resumed=Resumed(len(point.token_ids), point.text))
        kept = point.token_ids
        answer_tokens = self._answer_tokens(request.sampling, prompt_tokens)
        if point.ended or len(kept) >= answer_tokens:
            reason: FinishReason = "stop" if point.ended else "length"
            yield Delta("", (), reason, prompt_tokens, len(kept))
            return
        stream = self._answer(llm, request, given, kept, answer_tokens - len(kept))
        async with contextlib.aclosing(stream) as deltas:
            async for delta in deltas:
                yield delta

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
        model = self._model = self._locate(progress)
        progress("loading vLLM", None)
        quiet_imports()
        others = multiprocessing_children()
        variables = environment(model, self._debug, self._ray_address, self._experts)
        with environment_set({**variables, **listening}):
            try:
                self._build_llm(model, progress)
            except (EngineError, KeyboardInterrupt):
                raise
            except (FileNotFoundError, ValueError, OSError) as error:
                raise ModelNotFound(f"The model {model} can't be loaded: {error}") from error
            except Exception as error:
                raise EngineUnavailable(f"vLLM did not start: {error}") from error
            finally:
                self._processes = with_descendants(multiprocessing_children() - others)

    def _build_llm(self, model: str, progress: Progress) -> None:
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        moe = self._experts.path
        arguments = engine_arguments(self._profile, model, self._max_num_seqs, moe)
        arguments["enable_sleep_mode"] = self._sleeps and self._profile.gpus > 0
        progress("starting the engine", None)
        self._llm = AsyncLLM.from_engine_args(
            AsyncEngineArgs(**arguments | self._overrides),
            stat_loggers=[stat_logger(self._counts)],
        )
        vllm_logs_to_ours()
        self._tokenizer = self._llm.renderer.tokenizer
        self._control = control_tokens(self._tokenizer)
        if self._profile.tool_parser:
            self._tool_parser = parser_named(self._profile.tool_parser)
        self._info = EngineInfo(
            profile=self._profile.name,
            model=self._profile.served_name or _shown(model),
            max_model_len=self._llm.model_config.max_model_len,
            fingerprint=_fingerprint(model, self._tokenizer),
            notice=self._profile.notice,
            attribution=self._profile.attribution,
            vision=self._profile.vision,
            tools=self._profile.tools,
            formats=FORMAT_KINDS,
            logprobs=True,
            quantization=_quantization(self._llm.model_config),
        )

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
        self._info = replace(self.info, experts=await prove(self._experts.path, self._llm))

    async def _hold_to_plan(self) -> None:
        found = await compare_with_engine(self._profile, self._model, self._llm)
        if found is not None:
            self._info = replace(self.info, plan=found.line, as_planned=found.holds)

    # --- generating ---

    async def _answer(
        self,
        llm: Any,
        request: GenerationRequest,
        given: Prompt,
        kept: Sequence[int],
        max_tokens: int,
    ) -> AsyncGenerator[Delta, None]:
        """What comes behind the tokens that are kept."""
        reading = self._reading(request.sampling, max_tokens)
        await check_grammar(llm.vllm_config, reading.parameters, self._tokenizer)
        prompt = await self._input(llm, given, kept)
        stream = self._stream(llm, request, prompt, reading.parameters)
        prompt_tokens, written = _length(given), len(kept)
        async with contextlib.aclosing(stream) as outputs:
            async for output in outputs:
                completion = output.outputs[0]
                delta = reading.delta(completion, finished=output.finished)
                if written == len(kept) and completion.token_ids:
                    delta = replace(delta, waited_seconds=waited_seconds(output.metrics))
                written += len(completion.token_ids)
                if output.finished:
                    delta = replace(
                        delta,
                        prompt_tokens=prompt_tokens,
                        output_tokens=written,
                        cached_tokens=output.num_cached_tokens or 0,
                    )
                yield delta

    def _reading(self, sampling: Sampling, max_tokens: int) -> AnswerReader:
        native = self._native_tools(sampling)
        reader: ParserReader | None = None
        if native and sampling.offered:
            reader = ParserReader(self._tool_parser, self._tokenizer, sampling.offered)
        return answer_reader(sampling, self._profile, max_tokens, self._control, reader)

    def _native_tools(self, sampling: Sampling) -> bool:
        """In the model's own form where it is free to call; where it must, a grammar holds it."""
        return self._tool_parser is not None and not sampling.must_call and not sampling.format

    async def _input(self, llm: Any, prompt: Prompt, kept: Sequence[int]) -> Any:
        """What vLLM takes: the ids, and for each image's place among them the image.

        Raises EngineUnavailable.
        """
        from vllm.inputs import TokensPrompt, tokens_input

        token_ids = [*(prompt.token_ids or ()), *kept]
        images = [image for message in prompt.messages for image in message.images]
        if not images:
            return tokens_input(token_ids)
        seen = [await asyncio.to_thread(opened, image) for image in images]
        given = TokensPrompt(prompt_token_ids=token_ids, multi_modal_data={"image": seen})
        try:
            return await llm.renderer.process_for_engine_async(given, time.time())
        except Exception as error:  # its processor's, or its threads ended with the engine
            raise EngineUnavailable("The model could not take in the image: try again.") from error

    async def _stream(
        self, llm: Any, request: GenerationRequest, prompt: Any, parameters: Any
    ) -> AsyncGenerator[Any, None]:
        """vLLM's outputs, its errors in our words."""
        from vllm.exceptions import GracefulHTTPError, VLLMValidationError
        from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

        name, priority = request.request_id, request.priority
        stream = llm.generate(prompt, parameters, name, priority=priority)
        try:
            async with contextlib.aclosing(stream) as outputs:
                async for output in outputs:
                    yield output
        except GracefulHTTPError as error:
            raise EngineOverloaded(
                "The model has too many questions waiting: try again."
            ) from error
        except VLLMValidationError as error:
            raise SamplingRefused(f"The model can't do this: {reason_in_short(error)}.") from error
        except EngineDeadError as error:
            if llm is self._llm:  # else it was ended on purpose
                self._state, self._detail = "dead", CORE_ENDED
            raise self._unavailable() from error
        except EngineGenerateError as error:
            raise EngineUnavailable("The model broke off this answer: try again.") from error

    def _answer_tokens(self, sampling: Sampling, prompt_tokens: int) -> int:
        asked = sampling.max_tokens or self._profile.answer_tokens
        return max(min(asked, self.info.max_model_len - prompt_tokens), 1)

    def _resume_point(self, request: GenerationRequest) -> ResumePoint:
        prefix, ends = request.prefix_token_ids, self._end_tokens()
        return resume_point(prefix, self._decode, request.sampling, ends)

    def _end_tokens(self) -> set[int]:
        stated = self._llm.model_config.try_get_generation_config().get("eos_token_id", [])
        ends = {stated} if isinstance(stated, int) else set(stated)
        return ends | {self._tokenizer.eos_token_id}

    def _decode(self, token_ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(token_ids), skip_special_tokens=True))

    def _ready(self) -> Any:
        """vLLM, where it can answer; while it warms up, that is the warm-up's own question."""
        if self._state not in ("starting", "ready") or self._llm is None:
            raise self._unavailable()
        return self._llm

    def _unavailable(self) -> EngineUnavailable:
        return EngineUnavailable(f"The model is not available ({self._state}): try again shortly.")


def _quantization(model_config: Any) -> str:
    stated = getattr(model_config.hf_config, "quantization_config", None)
    return quantization_name(stated, str(model_config.dtype).removeprefix("torch."))


def _shown(model: str) -> str:
    """A folder's name; a name on the hub as it is."""
    return Path(model).name if Path(model).is_dir() else model


def _length(prompt: Prompt) -> int:
    """In tokens: an image's place is one id, of which vLLM makes many."""
    images = [image for message in prompt.messages for image in message.images]
    return len(prompt.token_ids or ()) + sum(image_tokens(one) - 1 for one in images)


def _threadsafe(progress: Progress, stopping: threading.Event) -> Progress:
    """`progress` for another thread; raises there once the engine is being stopped."""
    loop = asyncio.get_running_loop()

    def report(line: str, share: float | None) -> None:
        if stopping.is_set():
            raise EngineUnavailable(STOPPED)
        loop.call_soon_threadsafe(progress, line, share)

    return report


def _fingerprint(model: str, tokenizer: Any) -> str:
    """Names model and tokenizer: ids mean the same exactly where the vocabulary is the same."""
    digest = hashlib.sha256(Path(model).name.encode())
    for token, index in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]):
        digest.update(f"{index}:{token}\n".encode())
    digest.update(str(tokenizer.chat_template).encode())
    return digest.hexdigest()[:16]
