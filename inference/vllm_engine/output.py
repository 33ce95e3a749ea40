"""What a request asks of an answer, in vLLM's words, and vLLM's outputs in ours."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from inference.api import (
    Delta,
    FinishReason,
    FormatKind,
    OutputFormat,
    Sampling,
    TokenLogprob,
)
from inference.errors import BadGrammar, EngineUnavailable, in_short
from inference.profiles import Profile
from inference.tool_calls import CallReader, Read, Reader, structural_tag
from inference.vllm_engine.tools import ParserReader

_LEAST_LOGPROB = -9999.0  # JSON knows no infinity
_LONGEST_CHECK_SECONDS = 2.0

_SOURCE = re.compile(r"\[[0-9:]+\] \S+:\d+: ")

# Names that a request, a profile, a model's generation_config.json and vLLM have in common.
SAMPLED = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
)
_REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length", "abort": "abort"}
_FIELDS: dict[FormatKind, str] = {"json_schema": "json", "regex": "regex", "grammar": "grammar"}


@dataclass(slots=True)
class AnswerReader:
    """Makes deltas of one answer. `parameters` are vLLM's for it."""

    sampling: Sampling
    parameters: Any
    calls: Reader | None  # where it may call tools
    control: Collection[int]  # of `control_tokens`
    _called: bool = field(default=False, init=False)
    _begun: bool = field(default=False, init=False)

    def delta(self, completion: Any, *, finished: bool) -> Delta:
        """Of one of vLLM's CompletionOutputs, without the counts.

        Raises BadGrammar where the grammar's compilation failed, EngineUnavailable where the
        answer did.
        """
        read = self._read(completion, finished=finished)
        token_ids = tuple(completion.token_ids)
        self._called = self._called or bool(read.calls)
        self._begun = self._begun or bool(token_ids)
        return Delta(
            read.text,
            token_ids,
            self._finish_reason(completion) if finished else None,
            tool_calls=read.calls,
            logprobs=logprobs_of(completion, self.sampling.logprobs, self.control),
            stop_reason=completion.stop_reason if finished else None,
        )

    def _read(self, completion: Any, *, finished: bool) -> Read:
        if self.calls is None:
            return Read(completion.text)
        read = self.calls.read(completion.text, completion.token_ids)
        if not finished:
            return read
        last = self.calls.end()
        return Read(read.text + last.text, read.calls + last.calls)

    def _finish_reason(self, completion: Any) -> FinishReason:
        reason = _REASONS.get(completion.finish_reason)
        if reason is None and self.parameters.structured_outputs is not None and not self._begun:
            raise BadGrammar
        if reason is None:
            raise EngineUnavailable("The model broke off this answer: try again.")
        return "tool_calls" if self._called and reason == "stop" else reason


def answer_reader(
    sampling: Sampling,
    profile: Profile,
    max_tokens: int,
    control: Collection[int],
    native: ParserReader | None,
    own: Mapping[str, Any],
) -> AnswerReader:
    """`native` reads the calls that a model makes in a form of its own, which nothing holds. `own`:
    how the model's generation_config.json samples, where neither request nor profile say it."""
    parameters = _sampling_params(sampling, profile, max_tokens, own)
    if native is not None:
        parameters.skip_special_tokens = native.skip_special_tokens
        return AnswerReader(sampling, parameters, native, control)
    parameters.structured_outputs = _structured(sampling)
    reader = CallReader(or_form=sampling.format is not None) if sampling.offered else None
    return AnswerReader(sampling, parameters, reader, control)


def _sampling_params(
    sampling: Sampling, profile: Profile, max_tokens: int, own: Mapping[str, Any]
) -> Any:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    asked = {name: getattr(sampling, name) for name in SAMPLED}
    ours = {"temperature": profile.temperature, "top_p": profile.top_p}
    return SamplingParams(
        **{name: value for name, value in _stated(own).items() if name in SAMPLED}
        | _stated(ours)
        | _stated(asked),
        max_tokens=max_tokens,
        seed=sampling.seed,
        stop=list(sampling.stop) or None,
        logprobs=sampling.logprobs,
        output_kind=RequestOutputKind.DELTA,
    )


def _structured(sampling: Sampling) -> Any:
    from vllm.sampling_params import StructuredOutputsParams

    if sampling.offered:
        return StructuredOutputsParams(structural_tag=structural_tag(sampling))
    wanted = sampling.format
    return None if wanted is None else StructuredOutputsParams(**_constraint(wanted))


def _constraint(wanted: OutputFormat) -> dict[str, Any]:
    if wanted.kind == "json_object":
        return {"json_object": True}
    if wanted.kind == "choice":
        return {"choice": list(wanted.choices)}
    return {_FIELDS[wanted.kind]: wanted.text}


def control_tokens(tokenizer: Any) -> frozenset[int]:
    """The ids of tokens that are no text, as the one that ends an answer."""
    added = tokenizer.added_tokens_decoder.items()
    return frozenset([*tokenizer.all_special_ids, *(one for one, token in added if token.special)])


def logprobs_of(
    completion: Any, most: int | None, control: Collection[int]
) -> tuple[TokenLogprob, ...]:
    """One for each new token of a CompletionOutput, with the `most` likeliest; None: not asked.

    Without the `control` tokens: together they are the answer's text.
    """
    if most is None or completion.logprobs is None:
        return ()
    pairs = zip(completion.token_ids, completion.logprobs, strict=True)
    return tuple(
        _logprob(place[token_id], place.values(), most)
        for token_id, place in pairs
        if token_id not in control
    )


def _logprob(chosen: Any, place: Iterable[Any], most: int) -> TokenLogprob:
    """`place` has the likeliest, and the chosen one beside them where it is none of them."""
    top = sorted(place, key=lambda one: one.rank)[:most]
    return TokenLogprob(*_pair(chosen), tuple(_pair(one) for one in top))


def _pair(one: Any) -> tuple[str, float]:
    return one.decoded_token or "", max(one.logprob, _LEAST_LOGPROB)


async def check_grammar(config: Any, parameters: Any, tokenizer: Any) -> None:
    """In a thread: vLLM checks it once more, and all other answers wait for that.

    Raises BadGrammar, also for one that takes so long that it would hold them up.
    """
    if parameters.structured_outputs is None:
        return
    from vllm.exceptions import VLLMValidationError

    begun = time.monotonic()
    verify = partial(
        parameters.verify,
        config.model_config,
        config.speculative_config,
        config.structured_outputs_config,
        tokenizer,
    )
    try:
        await asyncio.to_thread(verify)
    except (VLLMValidationError, ValueError) as error:
        raise BadGrammar(reason_in_short(error)) from error
    if time.monotonic() - begun > _LONGEST_CHECK_SECONDS:
        raise BadGrammar("it takes too long")


def reason_in_short(error: Exception) -> str:
    """What a grammar's compiler says first, without where in its source it says so."""
    return in_short(_SOURCE.sub("", str(error.__cause__ or error).strip()))


def _stated(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
