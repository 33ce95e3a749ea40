"""`/v1/chat/completions` and `/v1/models`."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import SecretStr
from starlette.responses import JSONResponse, Response

from assistant.messages import ChatRef, ReplyDelta
from assistant.service import Assistant
from bots.api.completion import Head, TakeLogprobs, chunks, collect
from bots.api.key import KeyCheck
from bots.api.outcome import RETRY_AFTER_SECONDS, failure
from bots.api.output_request import check_able
from bots.api.request import parse_request, request_schema
from bots.api.response import ChatCompletion, ErrorBody, Model, ModelList
from bots.closing import closing
from bots.http.failures import Refused
from bots.http.stream import EventStream, unless_gone
from inference.api import EngineInfo

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody} for status in (400, 401, 403, 408, 413, 421, 429, 500, 503)
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": request_schema()}},
    }
}


def api_router(
    assistant: Assistant, key: SecretStr, clock: Callable[[], float] = time.time
) -> APIRouter:
    """The API's endpoints. `clock` gives Unix seconds."""
    router = APIRouter(prefix="/v1", dependencies=[Depends(KeyCheck(key))], tags=["OpenAI"])
    endpoint = CompletionEndpoint(assistant, clock)

    @router.get("/models", responses={k: v for k, v in _ERRORS.items() if k in (401, 421, 503)})
    async def models() -> ModelList:
        """The model that answers."""
        return ModelList(data=[Model(id=(await engine_info(assistant)).model)])

    @router.post(
        "/chat/completions",
        response_model=ChatCompletion,
        responses={**_ERRORS, 200: {"content": {"text/event-stream": {}}}},
        openapi_extra=_BODY,
    )
    async def chat_completions(request: Request) -> Response:
        """Answer a conversation, at once or as a stream of chunks."""
        return await endpoint.answer(request)

    return router


class CompletionEndpoint:
    def __init__(self, assistant: Assistant, clock: Callable[[], float]) -> None:
        self._assistant = assistant
        self._clock = clock

    async def answer(self, request: Request) -> Response:
        asked = parse_request(await request.body())
        sampling = asked.sampling()
        info = await engine_info(self._assistant)
        check_able(sampling, [info])
        chat = ChatRef("api", "default", uuid.uuid4().hex)
        accepted = await self._assistant.accept_request(chat, asked.chat(), sampling)
        head = Head(f"chatcmpl-{chat.chat_id}", int(self._clock()), info.model)
        take: TakeLogprobs | None = None
        if sampling.logprobs is not None:
            take = partial(self._assistant.take_logprobs, accepted.turn_id)
        if asked.stream:
            return await self._streamed(request, accepted.turn_id, head, asked.include_usage, take)
        return await self._whole(request, accepted.turn_id, head, take)

    async def _whole(
        self, request: Request, turn_id: int, head: Head, take: TakeLogprobs | None
    ) -> Response:
        deltas = self._assistant.follow(turn_id)
        completion = await unless_gone(request.receive, collect(deltas, head, take))
        if completion is None:
            await self._assistant.stop(turn_id)
            raise Refused(499, "The client left before the answer was complete.")
        return JSONResponse(completion.model_dump())

    async def _streamed(
        self,
        request: Request,
        turn_id: int,
        head: Head,
        include_usage: bool,
        take: TakeLogprobs | None,
    ) -> Response:
        """Wait for the first delta: a turn that fails at once gets its status, not a stream."""
        deltas = self._assistant.follow(turn_id)
        first = await unless_gone(request.receive, _next(deltas))
        if first is None:
            await self._assistant.stop(turn_id)
            raise Refused(499, "The client left before the answer began.")
        if first.state is not None and (refused := failure(first)) is not None:
            raise refused
        events = chunks(_again(first, deltas), head, include_usage, take)
        return EventStream(events, on_hangup=lambda: self._assistant.stop(turn_id))


async def engine_info(assistant: Assistant) -> EngineInfo:
    """What answers now. Raises Refused (503) while nothing does."""
    info = await assistant.engine_info()
    if info is None:
        raise Refused(
            503,
            "The model is not ready yet. Try again in a moment.",
            code="engine_unavailable",
            headers={"retry-after": RETRY_AFTER_SECONDS},
        )
    return info


async def _next(deltas: AsyncIterator[ReplyDelta]) -> ReplyDelta:
    return await anext(deltas)


async def _again(first: ReplyDelta, deltas: AsyncIterator[ReplyDelta]) -> AsyncIterator[ReplyDelta]:
    async with closing(deltas):
        yield first
        async for delta in deltas:
            yield delta
