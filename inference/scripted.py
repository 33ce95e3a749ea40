"""An engine without a model: deterministic tokens at a set pace.

It serves the tests and benchmarks that are not about the model, and passes the same contract
tests. An answer is a function of the prompt alone: it says how many messages the user wrote and
repeats the last one's words, and how many images it came with; where that message asks for "emoji"
or "cjk" it shows some. A token is a word with its space, and its id a checksum of it.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import zlib
from collections.abc import AsyncIterator, Sequence

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
from inference.errors import EngineUnavailable, PromptTooLong
from inference.resume import resume_point
from inference.settings import ScriptedSettings

MAX_MODEL_LEN = 8192
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
    asked = [message for message in messages if message.role == "user"]
    last, seen = (asked[-1].content, len(asked[-1].images)) if asked else ("", 0)
    shown = [text for word, text in (("emoji", _EMOJI), ("cjk", _CJK)) if word in last.lower()]
    count = f"{len(asked)} message{'' if len(asked) == 1 else 's'}"
    images = f"with {seen} image{'' if seen == 1 else 's'}, " if seen else ""
    return " ".join([f"You wrote {count}, {images}the last one:", *last.split(), *shown])


class ScriptedEngine:
    def __init__(self, settings: ScriptedSettings | None = None) -> None:
        self._settings = settings or ScriptedSettings()
        self._state: EngineState = "stopped"
        self._running = 0
        self._prompt_tokens = 0
        self._output_tokens = 0

    @property
    def info(self) -> EngineInfo:
        return EngineInfo(
            profile="scripted",
            model="scripted",
            max_model_len=MAX_MODEL_LEN,
            fingerprint="scripted-1",
            notice="Scripted answers: no model is running here.",
            vision=self._settings.vision,
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
        self, messages: Sequence[ChatMessage], max_tokens: int | None = None
    ) -> Prompt:
        if self._state != "asleep":
            self._require_ready()
        ids = tuple(id_of(token) for message in messages for token in tokens_of(message.content))
        room = _LEAST_ANSWER_TOKENS if max_tokens is None else max_tokens
        limit = max(MAX_MODEL_LEN - room, 0)
        if len(ids) > limit:
            raise PromptTooLong(len(ids), limit)
        return Prompt(messages=tuple(messages), token_ids=ids)

    async def generate(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        self._require_ready()
        self._running += 1
        try:
            async for delta in self._play(request):
                yield delta
        finally:
            self._running -= 1

    async def health(self) -> EngineHealth:
        return EngineHealth(self._state)

    def statistics(self) -> EngineStatistics:
        return EngineStatistics(
            self._running, self._prompt_tokens, self._output_tokens, batch_size=self._running
        )

    async def _play(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        tokens, reason = self._script(request.prompt.messages, request.sampling)
        kept = _kept(tokens, request)
        if request.prefix_token_ids:
            yield Delta("", resumed=Resumed(kept, "".join(tokens[:kept])))
        begun = asyncio.get_running_loop().time() + self._settings.first_token_seconds
        for number, token in enumerate(tokens[kept:]):
            if number == self._settings.fail_after_tokens:
                raise EngineUnavailable("The scripted engine breaks off here, as it was told to.")
            await self._wait_until(begun + number / self._settings.tokens_per_second)
            yield Delta(token, (id_of(token),))
        prompt_tokens = len(request.prompt.token_ids or ())
        self._prompt_tokens += prompt_tokens
        self._output_tokens += len(tokens) - kept
        yield Delta("", (), reason, prompt_tokens, len(tokens))

    def _script(
        self, messages: Sequence[ChatMessage], sampling: Sampling
    ) -> tuple[list[str], FinishReason]:
        """The whole answer's tokens, and why it ends there."""
        tokens = tokens_of(answer_to(messages))
        filler = itertools.cycle(f" {word}" for word in _FILLER.split())
        missing = max(self._settings.answer_tokens - len(tokens), 0)
        tokens += itertools.islice(filler, missing)
        text = "".join(tokens)
        ends = [at for stop in sampling.stop if (at := text.find(stop)) >= 0]
        tokens = tokens_of(text[: min(ends)]) if ends else tokens
        if sampling.max_tokens is not None and len(tokens) > sampling.max_tokens:
            return tokens[: sampling.max_tokens], "length"
        return tokens, "stop"

    async def _wait_until(self, moment: float) -> None:
        if self._state != "ready":
            raise EngineUnavailable("The engine was stopped.")
        await asyncio.sleep(max(moment - asyncio.get_running_loop().time(), 0))

    def _require_ready(self) -> None:
        if self._state != "ready":
            raise EngineUnavailable(f"The engine is {self._state}: try again shortly.")


def _kept(tokens: Sequence[str], request: GenerationRequest) -> int:
    """How many of the prefix's ids are the script's own beginning and can be gone on from."""
    pairs = zip(tokens, request.prefix_token_ids, strict=False)
    agreeing = itertools.takewhile(lambda pair: id_of(pair[0]) == pair[1], pairs)
    known = [token_id for _, token_id in agreeing]
    point = resume_point(known, lambda ids: "".join(tokens[: len(ids)]), request.sampling)
    return len(point.token_ids)
