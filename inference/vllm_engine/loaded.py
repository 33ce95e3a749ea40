"""A model that vLLM has loaded: what it is, how it is asked, and its answers in our words."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from inference.api import (
    ChatMessage,
    Delta,
    EngineInfo,
    FinishReason,
    GenerationRequest,
    Prompt,
    Resumed,
    Sampling,
)
from inference.chat import render_token_ids
from inference.errors import (
    EngineOverloaded,
    EngineUnavailable,
    ImagesRefused,
    PromptRefused,
    PromptTooLong,
    SamplingRefused,
)
from inference.output_format import FORMAT_KINDS
from inference.profiles import Profile
from inference.quantization import quantization_name
from inference.resume import ResumePoint, resume_point
from inference.tool_prompt import MARKED, PYTHONIC, ToolPrompt, speakable
from inference.vllm_engine.fingerprint import fingerprint
from inference.vllm_engine.output import (
    AnswerReader,
    answer_reader,
    check_grammar,
    control_tokens,
    reason_in_short,
)
from inference.vllm_engine.statistics import waited_seconds
from inference.vllm_engine.streamed import as_streamed
from inference.vllm_engine.tools import ParserReader, parser_named
from inference.vllm_engine.vision import image_tokens, opened, readable


class CoreEnded(Exception):
    """vLLM's processes are gone, whether somebody ended them or not."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """`llm` is vLLM's AsyncLLM, None once that was ended: then prompts are rendered, no more.

    `control` are the tokens that no text may hold; `tool_parser` is vLLM's, where the profile names
    one; `own_sampling` is what the model's generation_config.json says of it, in vLLM's names.
    """

    profile: Profile
    llm: Any
    tokenizer: Any
    control: frozenset[int]
    tool_parser: Any
    info: EngineInfo
    own_sampling: Mapping[str, Any]
    # One prompt at a time: for each that meets another vLLM would copy the whole tokenizer.
    rendering: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    async def render(self, messages: Sequence[ChatMessage], sampling: Sampling) -> Prompt:
        """Raises ImagesRefused, PromptRefused, PromptTooLong."""
        shown = tuple(messages)
        if any(one.images for one in shown):
            if not self.info.vision:
                raise ImagesRefused(self.info.model)
            shown = await asyncio.to_thread(readable, shown)
        async with self.rendering:
            token_ids = await asyncio.to_thread(
                render_token_ids,
                self.tokenizer,
                shown,
                sampling.offered,
                form=self._tool_prompt(sampling),
            )
        room = sampling.max_tokens or self.profile.least_answer_tokens
        limit = max(self.info.max_model_len - room, 0)
        prompt = Prompt(messages=shown, token_ids=token_ids)
        if _length(prompt) > limit:
            raise PromptTooLong(_length(prompt), limit, sampling.max_tokens)
        return prompt

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Delta, None]:
        """Raises CoreEnded, EngineOverloaded, EngineUnavailable, SamplingRefused, BadGrammar."""
        given = request.prompt
        if given.token_ids is None:
            given = await self.render(given.messages, request.sampling)
        prompt_tokens = _length(given)
        point = ResumePoint()
        if request.prefix_token_ids:
            point = self._resume_point(request, given)
            yield Delta("", resumed=Resumed(len(point.token_ids), point.text))
        kept = point.token_ids
        answer_tokens = self._answer_tokens(request.sampling, prompt_tokens)
        if point.ended or len(kept) >= answer_tokens:
            reason: FinishReason = "stop" if point.ended else "length"
            yield Delta("", (), reason, prompt_tokens, len(kept))
            return
        stream = self._answer(request, given, kept, answer_tokens - len(kept))
        async with contextlib.aclosing(stream) as deltas:
            async for delta in deltas:
                yield delta

    async def _answer(
        self, request: GenerationRequest, given: Prompt, kept: Sequence[int], max_tokens: int
    ) -> AsyncGenerator[Delta, None]:
        """What comes behind the tokens that are kept."""
        reading = self._reading(request.sampling, max_tokens)
        await check_grammar(self.llm.vllm_config, reading.parameters, self.tokenizer)
        prompt = await self._input(given, kept)
        stream = self._stream(request, prompt, reading.parameters)
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
        reader: ParserReader | None = None
        if self._tool_prompt(sampling) is not MARKED and sampling.offered:
            single = not sampling.parallel_tool_calls
            given = (self.tool_parser, self.tokenizer, sampling.offered)
            reader = ParserReader(*given, single=single)
        return answer_reader(
            sampling, self.profile, max_tokens, self.control, reader, self.own_sampling
        )

    def _tool_prompt(self, sampling: Sampling) -> ToolPrompt | None:
        """In the model's own form where it is free to call and that has words for all tools; where
        it must call, a grammar holds it to ours. None: its chat template tells it."""
        if self.tool_parser is None or sampling.must_call or sampling.format:
            return MARKED
        if self.profile.tool_prompt == "template":
            return None
        return PYTHONIC if all(map(speakable, sampling.offered)) else MARKED

    async def _input(self, prompt: Prompt, kept: Sequence[int]) -> Any:
        """What vLLM takes: the ids, and for each image's place among them the image.

        Raises EngineUnavailable, PromptRefused.
        """
        from vllm.inputs import TokensPrompt, tokens_input

        token_ids = [*(prompt.token_ids or ()), *kept]
        images = [image for message in prompt.messages for image in message.images]
        if not images:
            return tokens_input(token_ids)
        seen = [await asyncio.to_thread(opened, image) for image in images]
        given = TokensPrompt(prompt_token_ids=token_ids, multi_modal_data={"image": seen})
        try:
            return await self.llm.renderer.process_for_engine_async(given, time.time())
        except Exception as error:
            if self.llm is None or self.llm.errored:  # its threads ended with the engine
                raise EngineUnavailable(
                    "The model could not take in the image: try again."
                ) from error
            raise PromptRefused("an image can't be read") from error

    async def _stream(
        self, request: GenerationRequest, prompt: Any, parameters: Any
    ) -> AsyncGenerator[Any, None]:
        """vLLM's outputs, its errors in our words."""
        from vllm.exceptions import GracefulHTTPError, VLLMValidationError
        from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

        name, priority = request.request_id, request.priority
        stream = self.llm.generate(prompt, parameters, name, priority=priority)
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
            raise CoreEnded from error
        except EngineGenerateError as error:
            raise EngineUnavailable("The model broke off this answer: try again.") from error

    def _answer_tokens(self, sampling: Sampling, prompt_tokens: int) -> int:
        asked = sampling.max_tokens or self.profile.answer_tokens
        return max(min(asked, self.info.max_model_len - prompt_tokens), 1)

    def _resume_point(self, request: GenerationRequest, given: Prompt) -> ResumePoint:
        decode = as_streamed(self.tokenizer, given.token_ids or ())
        return resume_point(request.prefix_token_ids, decode, request.sampling, self._end_tokens())

    def _end_tokens(self) -> set[int]:
        stated = self.llm.model_config.try_get_generation_config().get("eos_token_id", [])
        ends = {stated} if isinstance(stated, int) else set(stated)
        return ends | {self.tokenizer.eos_token_id}


def loaded(profile: Profile, folder: str, llm: Any) -> Loaded:
    """`folder`: which model was given to vLLM, or its name on the hub."""
    tokenizer = llm.renderer.tokenizer
    parser = parser_named(profile.tool_parser) if profile.tool_parser else None
    info = EngineInfo(
        profile=profile.name,
        model=profile.served_name or _shown(folder),
        max_model_len=llm.model_config.max_model_len,
        fingerprint=fingerprint(folder, tokenizer),
        notice=profile.notice,
        attribution=profile.attribution,
        vision=profile.vision,
        tools=profile.tools,
        formats=FORMAT_KINDS,
        logprobs=True,
        quantization=_quantization(llm.model_config),
        max_num_seqs=profile.max_num_seqs,
    )
    own = llm.model_config.get_diff_sampling_param()
    return Loaded(profile, llm, tokenizer, control_tokens(tokenizer), parser, info, own)


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
