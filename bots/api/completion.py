"""One request's answer: as one JSON document, or as a stream of chunks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from assistant.errors import AssistantError, StorageUnavailable
from assistant.messages import ReplyDelta
from bots.api.outcome import call_deltas, calls, failure, finish_reason, logprobs, usage
from bots.api.response import (
    ChatCompletion,
    ChatCompletionChunk,
    Choice,
    ChunkChoice,
    DeltaMessage,
    ReplyMessage,
    Usage,
)
from bots.closing import closing
from bots.http.failures import Refused
from bots.http.refusal import error_body
from bots.http.stream import event
from bots.reply_text import ReplyText
from inference.api import TokenLogprob

TakeLogprobs = Callable[[], Awaitable[Sequence[TokenLogprob]]]
DONE = "data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Head:
    """What every chunk of one answer repeats. `created` is in Unix seconds."""

    id: str
    created: int
    model: str

    def chunk(
        self, delta: DeltaMessage | None, *, spent: Usage | None = None, **ending: Any
    ) -> str:
        """`ending`: what the chunk says beside its delta, in the names of ChunkChoice."""
        choices = [] if delta is None else [ChunkChoice(delta=delta, **ending)]
        body = ChatCompletionChunk(
            id=self.id, created=self.created, model=self.model, choices=choices, usage=spent
        ).model_dump()
        for choice in body["choices"]:
            choice["delta"] = {k: v for k, v in choice["delta"].items() if v is not None}
        if spent is None:
            del body["usage"]
        return event(body)


async def collect(
    deltas: AsyncIterator[ReplyDelta], head: Head, take_logprobs: TakeLogprobs | None = None
) -> ChatCompletion:
    """Raises Refused when the turn failed. `take_logprobs` where they were asked for."""
    reply = ReplyText()
    async with closing(deltas):
        async for delta in deltas:
            reply.apply(delta)
    if reply.last is None:
        raise broken_off()
    if (refused := failure(reply.last)) is not None:
        raise refused
    called = calls(reply.last) or None
    choice = Choice(
        message=ReplyMessage(content=reply.text or (None if called else ""), tool_calls=called),
        finish_reason=finish_reason(reply.last),
        logprobs=None if take_logprobs is None else logprobs(await take_logprobs()),
        stop_reason=reply.last.stop_reason,
    )
    return ChatCompletion(
        id=head.id,
        created=head.created,
        model=head.model,
        choices=[choice],
        usage=usage(reply.last),
    )


async def chunks(
    deltas: AsyncIterator[ReplyDelta],
    head: Head,
    include_usage: bool,
    take_logprobs: TakeLogprobs | None = None,
    give_up: Callable[[], Awaitable[object]] | None = None,
) -> AsyncIterator[str]:
    """The events of a streamed answer. A failure in mid-stream is an event with `error`; `give_up`
    is called where the answer itself goes on, for nobody.

    What an answer called, and the probabilities of its tokens, come behind its text.
    """
    yield head.chunk(DeltaMessage(role="assistant", content=""))
    reply = ReplyText()
    try:
        async with closing(appended(deltas, reply)) as texts:
            async for text in texts:
                yield head.chunk(DeltaMessage(content=text))
        if reply.last is None:
            raise broken_off()
        if (refused := failure(reply.last)) is not None:
            raise refused
        chances = None if take_logprobs is None else logprobs(await take_logprobs())
    except (Refused, AssistantError) as error:
        yield error_event(error if isinstance(error, Refused) else broken_off())
        if reply.last is None and give_up is not None:
            await give_up()
        return
    if called := call_deltas(reply.last):
        yield head.chunk(DeltaMessage(tool_calls=called))
    yield head.chunk(
        DeltaMessage(),
        logprobs=chances,
        finish_reason=finish_reason(reply.last),
        stop_reason=reply.last.stop_reason,
    )
    if include_usage:
        yield head.chunk(None, spent=usage(reply.last))
    yield DONE


async def appended(deltas: AsyncIterator[ReplyDelta], reply: ReplyText) -> AsyncIterator[str]:
    """What each delta adds. Raises Refused when a later attempt contradicts what was sent."""
    sent = ""
    async with closing(deltas):
        async for delta in deltas:
            reply.apply(delta)
            if reply.text.startswith(sent):
                if len(reply.text) > len(sent):
                    yield reply.text[len(sent) :]
                    sent = reply.text
            elif reply.last is not None or not sent.startswith(reply.text):
                raise broken_off()


@contextmanager
def stored() -> Iterator[None]:
    """Where what was asked stands in the database already: nobody is told that it doesn't, also
    where the database can't be reached just then. Raises Refused."""
    try:
        yield
    except StorageUnavailable as error:
        raise broken_off() from error


def broken_off() -> Refused:
    return Refused(503, "The answer was interrupted. Ask again.", code="interrupted")


def error_event(refused: Refused) -> str:
    return event(
        error_body(refused.status, refused.sentence, code=refused.code, param=refused.param)
    )
