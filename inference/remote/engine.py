"""Any OpenAI-compatible endpoint behind the `Engine` port, over streaming HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx

from inference.api import (
    ChatMessage,
    Delta,
    Embeddings,
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
from inference.errors import (
    EngineError,
    EngineUnavailable,
    ImagesRefused,
    ModelNotFound,
    ProfileRefused,
    PromptTooLong,
    SamplingRefused,
)
from inference.output_format import FORMAT_KINDS
from inference.profiles import Profile
from inference.remote.errors import (
    Refusal,
    in_our_words,
    refusal_of,
    refuse,
    refuse_error_event,
)
from inference.remote.form import ChunkReader, about_tokens, request_body
from inference.remote.sse import event_data, lines
from inference.resume import resume_point
from inference.settings import EngineSettings

CONNECT_TIMEOUT_SECONDS = 10.0
# How often the endpoint is asked whether it is there: while it answers, and while it is away.
LOOK_SECONDS, AWAY_SECONDS = 15.0, 2.0
# Only the remote end can tokenize; this many characters a token never refuses what would fit.
CHARACTERS_PER_TOKEN = 8
LEAST_IMAGE_TOKENS = 64  # of any model that is known
_LEAST_ANSWER_TOKENS = 64
_LONGEST = ("max_tokens", "max_completion_tokens")


class RemoteEngine:
    """Raises ProfileRefused when the settings name no endpoint."""

    def __init__(self, settings: EngineSettings, profile: Profile) -> None:
        if not settings.base_url:
            raise ProfileRefused(
                f"The profile {profile.name} needs an endpoint: set OUTRIDER_ENGINE__BASE_URL, "
                "which ends in /v1, and OUTRIDER_ENGINE__API_KEY where it asks for one."
            )
        self._settings = settings
        self._profile = profile
        self._base_url = settings.base_url.rstrip("/")
        self._model = settings.model or profile.model or ""
        self._max_model_len = settings.max_model_len or profile.max_model_len
        self._client: httpx.AsyncClient | None = None
        self._state: EngineState = "stopped"
        self._continues = False
        self._running = 0
        self._longest = _LONGEST[0]
        self._away = ""  # why, where it is
        self._seen = float("-inf")  # when it was asked, or answered
        self._counts = EngineStatistics()

    @property
    def info(self) -> EngineInfo:
        return EngineInfo(
            profile=self._profile.name,
            model=self._model,
            max_model_len=self._max_model_len,
            fingerprint=f"remote:{self._model}",
            vision=self._profile.vision if self._settings.vision is None else self._settings.vision,
            tools=True,  # whether the endpoint can is for it to say
            formats=FORMAT_KINDS,
            logprobs=True,
            embeddings=self._settings.embeddings_model or "",
            continues=self._continues,
        )

    async def start(self, progress: Progress) -> None:
        """Ask the endpoint for its models. Raises EngineUnavailable, ModelNotFound."""
        self._state = "starting"
        progress("asking the endpoint for its models", None)
        try:
            with in_our_words():
                self._client = self._new_client()
                self._choose((await self._models()).get("data") or [])
        except BaseException:
            await self.stop()
            raise
        self._state = "ready"
        progress("ready", 1.0)

    async def stop(self) -> None:
        self._state = "stopped"
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def sleep(self) -> None:
        """It holds no memory here: only its state changes."""
        self._ready()
        self._state = "asleep"

    async def wake(self, progress: Progress) -> None:
        if self._state == "asleep":
            self._state = "ready"
            progress("ready", 1.0)

    async def render(
        self, messages: Sequence[ChatMessage], sampling: Sampling | None = None
    ) -> Prompt:
        if not self.info.vision and any(message.images for message in messages):
            raise ImagesRefused(self._model)
        room = (sampling and sampling.max_tokens) or _LEAST_ANSWER_TOKENS
        limit = max(self._max_model_len - room, 0)
        least = sum(len(message.content) for message in messages) // CHARACTERS_PER_TOKEN
        least += sum(len(message.images) for message in messages) * LEAST_IMAGE_TOKENS
        if least > limit:
            raise PromptTooLong(least, limit, sampling.max_tokens if sampling else None)
        return Prompt(messages=tuple(messages), token_ids=None)

    async def generate(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        client = self._ready()
        self._running += 1
        try:
            held = request.sampling.format is not None or bool(request.sampling.offered)
            with in_our_words():
                async with AsyncExitStack() as opened:
                    response, kept = await self._opened(opened, client, request)
                    if request.prefix_text:
                        yield Delta("", resumed=Resumed(0, kept))
                    events = event_data(lines(response.aiter_text()))
                    async for delta in self._deltas(events, kept, held=held):
                        yield delta
            self._seen, self._away = time.monotonic(), ""
        except EngineUnavailable:
            self._seen = float("-inf")  # the next look asks
            raise
        finally:
            self._running -= 1

    async def _opened(
        self, opened: AsyncExitStack, client: httpx.AsyncClient, request: GenerationRequest
    ) -> tuple[httpx.Response, str]:
        """The answer, and the text that it goes on from: none where the endpoint refuses that."""
        messages, sampling = request.prompt.messages, request.sampling
        if self._continues and (kept := _kept(request)):
            body = request_body(self._model, messages, sampling, kept)
            try:
                return await opened.enter_async_context(self._asked(client, body)), kept
            except (PromptTooLong, SamplingRefused):
                pass  # it may take the request without the beginning of its answer
        body = request_body(self._model, messages, sampling)
        return await opened.enter_async_context(self._asked(client, body)), ""

    @asynccontextmanager
    async def _asked(
        self, client: httpx.AsyncClient, body: dict[str, Any]
    ) -> AsyncIterator[httpx.Response]:
        """Newer models of OpenAI's know the longest answer by another name alone, and many
        endpoints only by the old one: who refuses the one is asked by the other, unless it says
        that something else is at fault. Raises what `refuse` does."""
        address = "/completions" if "prompt" in body else "/chat/completions"
        old, new = _LONGEST
        names = [self._longest, new if self._longest == old else old] if old in body else [old]
        for name in names:
            renamed = {name if key == old else key: value for key, value in body.items()}
            async with client.stream("POST", address, json=renamed) as response:
                if (refusal := await refusal_of(response)) is not None:
                    if name != names[-1] and _of_the_name(refusal, name):
                        continue
                    refuse(refusal)
                if old in body:
                    self._longest = name
                yield response
                return

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        client = self._ready()
        body = {
            "model": self._settings.embeddings_model,
            "input": list(texts),
            "encoding_format": "float",
        }
        with in_our_words():
            response = await client.post("/embeddings", json=body)
            if (refusal := await refusal_of(response)) is not None:
                refuse(refusal)
            return _embeddings(response.json(), len(texts))

    async def health(self) -> EngineHealth:
        if self._state != "ready":
            return EngineHealth(self._state)
        if time.monotonic() - self._seen > (AWAY_SECONDS if self._away else LOOK_SECONDS):
            self._away = await self._why_away()
            self._seen = time.monotonic()
        return EngineHealth("away", self._away) if self._away else EngineHealth("ready")

    async def _why_away(self) -> str:
        """Empty where it is there, also where we ask too often."""
        try:
            await self._models(often=True)
        except EngineError as error:
            return str(error)
        return ""

    def statistics(self) -> EngineStatistics:
        counts = self._counts
        return replace(counts, requests_running=self._running, batch_size=self._running)

    def _new_client(self) -> httpx.AsyncClient:
        key = self._settings.api_key
        headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
        timeout = httpx.Timeout(
            self._settings.read_timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS
        )
        try:
            return httpx.AsyncClient(base_url=self._base_url, headers=headers, timeout=timeout)
        except (ImportError, ValueError):  # its words show a proxy's password
            raise EngineUnavailable(
                "The model's endpoint can't be reached by the proxy in HTTPS_PROXY or ALL_PROXY: "
                "set it to one that begins with http://, or take it away."
            ) from None

    async def _models(self, *, often: bool = False) -> dict[str, Any]:
        """`often`: that we ask too often is no error."""
        if self._client is None:
            raise EngineUnavailable("The engine is stopped.")
        with in_our_words():
            response = await self._client.get("/models", timeout=CONNECT_TIMEOUT_SECONDS)
            if often and response.status_code == httpx.codes.TOO_MANY_REQUESTS:
                return {}
            refuse(Refusal(response.status_code))
            return dict(response.json())

    def _choose(self, models: list[dict[str, Any]]) -> None:
        """Take the configured model, else the endpoint's first, and its window where stated."""
        served = {str(model.get("id")): model for model in models}
        self._model = self._model or next(iter(served), "")
        if not self._model or (served and self._model not in served):
            known = ", ".join(list(served)[:10]) or "none"
            raise ModelNotFound(
                f"The endpoint does not serve {self._model or 'any model'} (it serves {known}): "
                "set OUTRIDER_ENGINE__MODEL."
            )
        model = served.get(self._model, {})
        # Of vLLM's servers it is known that they go on from a message of the assistant.
        self._continues = model.get("owned_by") == "vllm"
        stated = model.get("max_model_len")
        if self._settings.max_model_len is None and isinstance(stated, int):
            self._max_model_len = stated

    async def _deltas(
        self, events: AsyncIterator[str], kept: str, *, held: bool
    ) -> AsyncIterator[Delta]:
        """Text as it comes; the ending last, because the usage comes after the finish reason."""
        reader, begun = ChunkReader(), False
        async for data in events:
            if data == "[DONE]":
                break
            chunk = json.loads(data)
            refuse_error_event(chunk, begun=begun, held=held)
            if (delta := reader.read(chunk)) is not None:
                begun = True
                yield delta
        if reader.reason is None:
            raise EngineUnavailable("The endpoint broke off its answer: try again.")
        yield self._ending(reader, reader.reason, about_tokens(kept))

    def _ending(self, reader: ChunkReader, reason: FinishReason, resumed: int) -> Delta:
        """`resumed` tokens, about, were read as a part of the prompt and belong to the answer."""
        counts, usage, calls = self._counts, reader.usage, reader.calls()
        prompt, output = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
        prompt, output = max(prompt - resumed, 0), output + resumed
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
        self._counts = EngineStatistics(
            prompt_tokens=counts.prompt_tokens + prompt,
            output_tokens=counts.output_tokens + output,
            cached_tokens=counts.cached_tokens + cached,
        )
        # Some say "stop" where a call was forced.
        ended: FinishReason = "tool_calls" if calls and reason == "stop" else reason
        last = Delta("", (), ended, prompt, output, cached)
        return replace(last, tool_calls=calls, stop_reason=reader.stop_reason)

    def _ready(self) -> httpx.AsyncClient:
        if self._state != "ready" or self._client is None:
            raise EngineUnavailable(f"The engine is {self._state}: try again shortly.")
        return self._client


def _kept(request: GenerationRequest) -> str:
    """How much of the text so far is gone on from. It ends in no blank: templates cut those off,
    and so what comes next begins with them."""
    text = request.prefix_text
    point = resume_point(range(len(text)), lambda kept: text[: len(kept)], request.sampling)
    return "" if point.ended else point.text.rstrip()


def _of_the_name(refusal: Refusal, name: str) -> bool:
    """Whether it may be the field of this name that is refused."""
    asked = refusal.status == httpx.codes.BAD_REQUEST
    return asked and not refusal.too_long and refusal.param in ("", name)


def _embeddings(said: dict[str, Any], count: int) -> Embeddings:
    """Raises ValueError for what makes no sense."""
    try:
        found = sorted(said["data"], key=lambda one: one["index"])
        vectors = tuple(tuple(map(float, one["embedding"])) for one in found)
        tokens = int((said.get("usage") or {}).get("prompt_tokens") or 0)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("no embeddings") from error
    if len(vectors) != count or len(set(map(len, vectors))) != 1:
        raise ValueError("other embeddings than asked for")
    return Embeddings(vectors, tokens)
