"""An engine without a model: deterministic tokens at a set pace.

It serves the tests and benchmarks that are not about the model, and passes the same contract
tests. An answer is a function of the prompt alone: it says how many messages the user wrote and
repeats the last one's words, and how many images it came with; where that message asks for "emoji"
or "cjk" it shows some. A token is a word with its space, and its id a checksum of it.

Where tools are offered, a message that begins with "call" calls the first, with the least arguments
that its schema allows; where JSON or a choice is asked for, the answer is the least of that.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import re
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from inference.api import (
    ChatMessage,
    Delta,
    Embeddings,
    EngineHealth,
    EngineInfo,
    EngineState,
    EngineStatistics,
    GenerationRequest,
    Progress,
    Prompt,
    Resumed,
    Sampling,
    TokenLogprob,
    ToolCall,
)
from inference.errors import EngineUnavailable, ImagesRefused, PromptTooLong, SamplingRefused
from inference.least_json import least_json
from inference.output_format import FormatKind
from inference.resume import resume_point
from inference.settings import ScriptedSettings
from inference.statistics import PER_TOKEN, TO_FIRST_TOKEN, Observed
from inference.tool_calls import new_call

FORMATS: tuple[FormatKind, ...] = ("json_schema", "json_object", "choice")
MAX_MODEL_LEN = 8192
EMBEDDING_SIZE = 32
_LEAST_ANSWER_TOKENS = 64
_FILLER = "And so the story goes on, from one word to the next, until enough has been said."
_EMOJI = "👩‍🚀 🚀 🎉 🏳️‍🌈"
_CJK = "你好， 世界。 ありがとう。"


def tokens_of(text: str) -> list[str]:
    """Words with the space before them; joined they are the text again."""
    return re.findall(r"\s*\S+|\s+$", text)


def id_of(token: str) -> int:
    return zlib.crc32(token.encode()) & 0x7FFFFFFF


def answer_to(messages: Sequence[ChatMessage]) -> str:
    """What the script answers, before it is filled up to its length."""
    asked = [message for message in messages if message.role in ("user", "raw")]
    if messages and messages[-1].role == "tool":
        return f"The tool said: {messages[-1].content}"
    last, seen = (asked[-1].content, len(asked[-1].images)) if asked else ("", 0)
    shown = [text for word, text in (("emoji", _EMOJI), ("cjk", _CJK)) if word in last.lower()]
    count = f"{len(asked)} message{'' if len(asked) == 1 else 's'}"
    images = f"with {seen} image{'' if seen == 1 else 's'}, " if seen else ""
    return " ".join([f"You wrote {count}, {images}the last one:", *last.split(), *shown])


def call_in(messages: Sequence[ChatMessage], sampling: Sampling) -> ToolCall | None:
    """What the script calls in place of an answer."""
    last = messages[-1] if messages else None
    asked = last is not None and last.role == "user" and last.content.lower().startswith("call")
    if not sampling.offered or not (asked or sampling.must_call):
        return None
    tool = sampling.offered[0]
    return new_call(tool.name, json.dumps(least_json(json.loads(tool.parameters))))


def formatted(sampling: Sampling) -> str | None:
    """The answer that has the form that was asked for. Raises SamplingRefused."""
    wanted = sampling.format
    if wanted is None:
        return None
    if wanted.kind == "json_schema":
        return json.dumps(least_json(json.loads(wanted.text)), ensure_ascii=False)
    if wanted.kind == "choice":
        return wanted.choices[0]
    if wanted.kind == "json_object":
        return "{}"
    raise SamplingRefused(f"The scripted engine knows no answers of the form {wanted.kind}.")


class ScriptedEngine:
    def __init__(self, settings: ScriptedSettings | None = None, profile: str = "scripted") -> None:
        self._settings = settings or ScriptedSettings()
        self._profile = profile
        self._state: EngineState = "stopped"
        self._running = 0
        self._prompt_tokens = 0
        self._output_tokens = 0
        self._to_first_token = Observed(TO_FIRST_TOKEN)
        self._per_token = Observed(PER_TOKEN)

    @property
    def info(self) -> EngineInfo:
        return EngineInfo(
            profile=self._profile,
            model="scripted",
            max_model_len=MAX_MODEL_LEN,
            fingerprint="scripted-1",
            notice="Scripted answers: no model is running here.",
            vision=self._settings.vision,
            tools=True,
            formats=FORMATS,
            logprobs=True,
            embeddings="scripted" if self._settings.embeddings else "",
        )

    async def start(self, progress: Progress) -> None:
        self._state = "ready"
        progress("ready", 1.0)

    async def stop(self) -> None:
        self._state = "stopped"

    async def sleep(self) -> None:
        self._require_ready()
        self._state = "asleep"

    async def wake(self, progress: Progress) -> None:
        if self._state == "asleep":
            await self.start(progress)

    async def render(
        self, messages: Sequence[ChatMessage], sampling: Sampling | None = None
    ) -> Prompt:
        if self._state != "asleep":
            self._require_ready()
        if not self._settings.vision and any(message.images for message in messages):
            raise ImagesRefused(self.info.model)
        ids = tuple(id_of(token) for message in messages for token in tokens_of(message.content))
        room = (sampling and sampling.max_tokens) or _LEAST_ANSWER_TOKENS
        limit = max(MAX_MODEL_LEN - room, 0)
        if len(ids) > limit:
            raise PromptTooLong(len(ids), limit, sampling.max_tokens if sampling else None)
        return Prompt(messages=tuple(messages), token_ids=ids)

    async def generate(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        self._require_ready()
        self._running += 1
        try:
            async for delta in self._play(request):
                yield delta
        finally:
            self._running -= 1

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """How often a text has words of each kind, its length as a vector being 1."""
        self._require_ready()
        found = [tokens_of(text) for text in texts]
        longest = max(map(len, found), default=0)
        if longest > MAX_MODEL_LEN:
            raise PromptTooLong(longest, MAX_MODEL_LEN)
        return Embeddings(tuple(map(_vector, found)), sum(map(len, found)))

    async def health(self) -> EngineHealth:
        return EngineHealth(self._state)

    def statistics(self) -> EngineStatistics:
        return EngineStatistics(
            self._running,
            self._prompt_tokens,
            self._output_tokens,
            batch_size=self._running,
            time_to_first_token=self._to_first_token.so_far(),
            time_per_output_token=self._per_token.so_far(),
        )

    async def _play(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        messages, sampling = request.prompt.messages, request.sampling
        call = call_in(messages, sampling)
        tokens, last = self._script(messages, sampling) if call is None else _called(call)
        kept = _kept(tokens, request)
        if request.prefix_token_ids:
            yield Delta("", resumed=Resumed(kept, "".join(tokens[:kept])))
        clock = asyncio.get_running_loop().time
        before, begun = clock(), clock() + self._settings.first_token_seconds
        observed = self._to_first_token
        for number, token in enumerate(tokens[kept:]):
            if number == self._settings.fail_after_tokens:
                raise EngineUnavailable("The scripted engine breaks off here, as it was told to.")
            await self._wait_until(begun + number / self._settings.tokens_per_second)
            observed.add([clock() - before])
            observed, before = self._per_token, clock()
            self._output_tokens += 1
            shown = token if call is None else ""
            yield Delta(shown, (id_of(token),), logprobs=_logprobs(token, sampling.logprobs))
        prompt_tokens = len(request.prompt.token_ids or ())
        self._prompt_tokens += prompt_tokens
        yield replace(last, prompt_tokens=prompt_tokens, output_tokens=len(tokens))

    def _script(
        self, messages: Sequence[ChatMessage], sampling: Sampling
    ) -> tuple[list[str], Delta]:
        """The whole answer's tokens, and how it ends."""
        form = formatted(sampling)
        tokens = tokens_of(answer_to(messages) if form is None else form)
        if form is None:
            filler = itertools.cycle(f" {word}" for word in _FILLER.split())
            missing = max(self._settings.answer_tokens - len(tokens), 0)
            tokens += itertools.islice(filler, missing)
        text = "".join(tokens)
        ends = [(at, stop) for stop in sampling.stop if (at := text.find(stop)) >= 0]
        stopped = min(ends, default=None)
        tokens = tokens if stopped is None else tokens_of(text[: stopped[0]])
        if sampling.max_tokens is not None and len(tokens) > sampling.max_tokens:
            return tokens[: sampling.max_tokens], Delta("", finish_reason="length")
        reason = None if stopped is None else stopped[1]
        return tokens, Delta("", finish_reason="stop", stop_reason=reason)

    async def _wait_until(self, moment: float) -> None:
        if self._state != "ready":
            raise EngineUnavailable("The engine was stopped.")
        await asyncio.sleep(max(moment - asyncio.get_running_loop().time(), 0))

    def _require_ready(self) -> None:
        if self._state != "ready":
            raise EngineUnavailable(f"The engine is {self._state}: try again shortly.")


def _called(call: ToolCall) -> tuple[list[str], Delta]:
    """The tokens of a call, which are no text, and its end."""
    return tokens_of(call.arguments), Delta("", finish_reason="tool_calls", tool_calls=(call,))


def _logprobs(token: str, most: int | None) -> tuple[TokenLogprob, ...]:
    """Whatever the script says is certain."""
    if most is None:
        return ()
    return (TokenLogprob(token, 0.0, ((token, 0.0),)[:most]),)


def _vector(tokens: Sequence[str]) -> tuple[float, ...]:
    counts = [0] * EMBEDDING_SIZE
    for token in tokens:
        counts[id_of(token.strip()) % EMBEDDING_SIZE] += 1
    length = math.hypot(*counts) or 1.0
    return tuple(count / length for count in counts)


def _kept(tokens: Sequence[str], request: GenerationRequest) -> int:
    """How many of the prefix's ids are the script's own beginning and can be gone on from."""
    pairs = zip(tokens, request.prefix_token_ids, strict=False)
    agreeing = itertools.takewhile(lambda pair: id_of(pair[0]) == pair[1], pairs)
    known = [token_id for _, token_id in agreeing]
    point = resume_point(known, lambda ids: "".join(tokens[: len(ids)]), request.sampling)
    return len(point.token_ids)
