"""The API's addresses, and `/v1/chat/completions`."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from assistant.messages import ChatRef
from assistant.service import Assistant
from bots.api.completion import Head, TakeLogprobs, chunks, collect, stored
from bots.api.completions import TextCompletionEndpoint
from bots.api.embeddings import EmbeddingEndpoint, EmbeddingList, EmbeddingRequest
from bots.api.images import check_images
from bots.api.keys import Access, LimitedRoute, requester
from bots.api.models import answering, described, named
from bots.api.outcome import failure
from bots.api.output_request import check_able
from bots.api.peekable import Peekable
from bots.api.request import ChatCompletionRequest, parse_request, request_schema
from bots.api.response import ChatCompletion, Model, ModelList, TextCompletion, refusals
from bots.api.text_request import TextCompletionRequest
from bots.http.failures import Refused
from bots.http.stream import QUIET_SECONDS, EventStream, unless_gone

_ERRORS = refusals(400, 401, 403, 408, 413, 421, 429, 500, 503)
_SEEN = refusals(401, 403, 421, 429, 503)
_STREAMED: dict[int | str, dict[str, Any]] = {
    **_ERRORS,
    200: {"content": {"text/event-stream": {}}},
}


def _body(kind: type[BaseModel]) -> dict[str, Any]:
    content = {"application/json": {"schema": request_schema(kind)}}
    return {"requestBody": {"required": True, "content": content}}


def api_router(
    assistant: Assistant,
    access: Access,
    clock: Callable[[], float] = time.time,
    quiet_seconds: float = QUIET_SECONDS,
) -> APIRouter:
    """The API's endpoints. `clock` gives Unix seconds. No stream is quiet for longer than
    `quiet_seconds`."""
    router = APIRouter(prefix="/v1", tags=["OpenAI"], route_class=LimitedRoute)
    endpoint = CompletionEndpoint(assistant, clock, quiet_seconds)
    texts = TextCompletionEndpoint(assistant, clock, quiet_seconds)
    embedding = EmbeddingEndpoint(assistant, access.quotas)
    may_see = [Depends(access("models"))]

    @router.get("/models", dependencies=may_see, responses=_SEEN)
    async def models() -> ModelList:
        """What is served."""
        return ModelList(data=described(await assistant.engines()))

    @router.get("/models/{model:path}", dependencies=may_see, responses=_SEEN | refusals(404))
    async def model(model: str) -> Model:
        """One of them."""
        return named(await assistant.engines(), model)

    @router.post(
        "/chat/completions",
        dependencies=[Depends(access("chat"))],
        response_model=ChatCompletion,
        responses=_STREAMED,
        openapi_extra=_body(ChatCompletionRequest),
    )
    async def chat_completions(request: Request) -> Response:
        """Answer a conversation, at once or as a stream of chunks."""
        return await endpoint.answer(request)

    @router.post(
        "/completions",
        dependencies=[Depends(access("completions"))],
        response_model=TextCompletion,
        responses=_STREAMED,
        openapi_extra=_body(TextCompletionRequest),
    )
    async def completions(request: Request) -> Response:
        """Go on from a text, or from several, at once or as a stream of chunks."""
        return await texts.answer(request)

    @router.post(
        "/embeddings",
        dependencies=[Depends(access("embeddings"))],
        response_model=EmbeddingList,
        responses=_ERRORS | refusals(404),
        openapi_extra=_body(EmbeddingRequest),
    )
    async def embeddings(request: Request) -> Response:
        """Vectors of texts, where a model makes them."""
        return await embedding.answer(request)

    return router


class CompletionEndpoint:
    def __init__(
        self, assistant: Assistant, clock: Callable[[], float], quiet_seconds: float
    ) -> None:
        self._assistant = assistant
        self._clock = clock
        self._quiet_seconds = quiet_seconds

    async def answer(self, request: Request) -> Response:
        asked = parse_request(await request.body())
        messages, sampling = asked.chat(), asked.sampling()
        engines = await self._assistant.engines()
        info = answering(engines)
        check_able(sampling, engines)
        if any(message.images for message in messages):
            check_images(messages, engines)
        chat = ChatRef("api", "default", uuid.uuid4().hex)
        who = requester(request.state.key)
        accepted = await self._assistant.accept_request(
            chat,
            messages,
            sampling,
            who,
            background=request.state.key.background,
            deadline_seconds=asked.deadline_seconds,
        )
        head = Head(f"chatcmpl-{chat.chat_id}", int(self._clock()), info.model)
        take: TakeLogprobs | None = None
        if sampling.logprobs is not None:
            take = partial(self._assistant.take_logprobs, accepted.turn_id)
        turn, tell_usage = accepted.turn_id, asked.include_usage
        with stored():
            if asked.stream:
                return await self._streamed(request, turn, head, tell_usage, take)
            return await self._whole(request, turn, head, take)

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
        """Wait a while for the first delta: a turn that fails at once gets its status, not a
        stream."""
        deltas = Peekable(self._assistant.follow(turn_id))
        came = await unless_gone(request.receive, deltas.first(self._quiet_seconds))
        if came is None:
            await self._assistant.stop(turn_id)
            raise Refused(499, "The client left before the answer began.")
        for first in came:
            if first.state is not None and (refused := failure(first)) is not None:
                raise refused
        stop = partial(self._assistant.stop, turn_id)
        events = chunks(deltas, head, include_usage, take, give_up=stop)
        return EventStream(events, on_hangup=stop, quiet_seconds=self._quiet_seconds)
