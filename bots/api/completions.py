"""`/v1/completions`: texts that the model goes on from. Each prompt is a turn of its own, so that
it survives as a message of a chat does."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from assistant.errors import AssistantError
from assistant.messages import ChatRef, ReplyDelta
from assistant.service import Assistant
from assistant.storage.api_keys import ApiKey
from bots.api.completion import DONE, appended, broken_off, error_event, stored
from bots.api.keys import requester
from bots.api.models import answering
from bots.api.outcome import failure, finish_reason, usage
from bots.api.output_request import check_able
from bots.api.peekable import Peekable
from bots.api.request import parse
from bots.api.response import FinishReason, TextChoice, TextCompletion, Usage
from bots.api.text_request import TextCompletionRequest
from bots.api.together import together
from bots.closing import closing
from bots.http.failures import Refused
from bots.http.stream import EventStream, event, unless_gone
from bots.reply_text import ReplyText
from inference.api import ChatMessage, Sampling


@dataclass(frozen=True, slots=True)
class TextHead:
    """What every chunk of one answer repeats. `created` is in Unix seconds."""

    id: str
    created: int
    model: str

    def completion(self, choices: list[TextChoice], spent: Usage | None = None) -> TextCompletion:
        return TextCompletion(
            id=self.id, created=self.created, model=self.model, choices=choices, usage=spent
        )

    def chunk(self, number: int, text: str, finish: FinishReason | None = None) -> str:
        choice = TextChoice(index=number, text=text, finish_reason=finish)
        return event(self.completion([choice]).model_dump(exclude={"usage"}))


@dataclass(slots=True)
class _Choice:
    """One prompt's answer as it grows; `echo` is what it begins with."""

    deltas: AsyncIterator[ReplyDelta]
    echo: str = ""
    reply: ReplyText = field(default_factory=ReplyText)

    @property
    def last(self) -> ReplyDelta:
        """Raises Refused for a turn that failed, or whose end was lost."""
        if self.reply.last is None:
            raise broken_off()
        if (refused := failure(self.reply.last, "prompt")) is not None:
            raise refused
        return self.reply.last

    async def pieces(self) -> AsyncIterator[tuple[str, FinishReason | None]]:
        """Text as it comes; the last piece says why it ended."""
        begun = self.echo  # not before the first text: what fails at once gets its status
        async with closing(appended(self.deltas, self.reply)) as texts:
            async for text in texts:
                yield begun + text, None
                begun = ""
        yield begun, finish_reason(self.last)

    async def whole(self, number: int) -> TextChoice:
        async with closing(self.deltas):
            async for delta in self.deltas:
                self.reply.apply(delta)
        reason = finish_reason(self.last)
        return TextChoice(index=number, text=self.echo + self.reply.text, finish_reason=reason)


@dataclass(frozen=True, slots=True)
class TextCompletionEndpoint:
    """`clock` gives Unix seconds. No stream is quiet for longer than `quiet_seconds`."""

    assistant: Assistant
    clock: Callable[[], float]
    quiet_seconds: float

    async def answer(self, request: Request) -> Response:
        asked = parse(TextCompletionRequest, await request.body())
        sampling = asked.sampling()
        engines = await self.assistant.engines()
        info = answering(engines)
        check_able(sampling, engines)
        head = TextHead(f"cmpl-{uuid.uuid4().hex}", int(self.clock()), info.model)
        turns = await self._accept(asked, sampling, request.state.key)
        choices = [
            _Choice(self.assistant.follow(turn), prompt if asked.echo else "")
            for turn, prompt in zip(turns, asked.prompts(), strict=True)
        ]
        with stored():
            try:
                if asked.stream:
                    return await self._streamed(request, turns, choices, head, asked.include_usage)
                return await self._whole(request, choices, head)
            except BaseException:  # the client left, or one prompt failed: nobody reads the others
                await asyncio.shield(self._stop(turns))
                raise

    async def _accept(
        self, asked: TextCompletionRequest, sampling: Sampling, key: ApiKey
    ) -> Sequence[int]:
        """The turns, one for each prompt: all of them, or none."""
        turns: list[int] = []
        try:
            for prompt in asked.prompts():
                chat = ChatRef("api", "default", uuid.uuid4().hex)
                given = [ChatMessage("raw", prompt)]
                accepted = await self.assistant.accept_request(
                    chat,
                    given,
                    sampling,
                    requester(key),
                    background=key.background,
                    deadline_seconds=asked.deadline_seconds,
                )
                turns.append(accepted.turn_id)
        except AssistantError:
            if not turns:
                raise
            with stored():
                await self._stop(turns)
                raise
        return turns

    async def _whole(
        self, request: Request, choices: Sequence[_Choice], head: TextHead
    ) -> Response:
        texts = await unless_gone(request.receive, _all(choices))
        if texts is None:
            raise Refused(499, "The client left before the answer was complete.")
        spent = usage(*(one.last for one in choices))
        return JSONResponse(head.completion(texts, spent).model_dump())

    async def _streamed(
        self,
        request: Request,
        turns: Sequence[int],
        choices: Sequence[_Choice],
        head: TextHead,
        include_usage: bool,
    ) -> Response:
        """Wait a while for the first piece: what fails at once gets its status, not a stream."""
        pieces = Peekable(together([one.pieces() for one in choices]))
        if await unless_gone(request.receive, pieces.first(self.quiet_seconds)) is None:
            raise Refused(499, "The client left before the answer began.")
        return EventStream(
            self._events(pieces, turns, choices, head, include_usage),
            on_hangup=lambda: self._stop(turns),
            quiet_seconds=self.quiet_seconds,
        )

    async def _events(
        self,
        pieces: AsyncIterator[_Piece],
        turns: Sequence[int],
        choices: Sequence[_Choice],
        head: TextHead,
        include_usage: bool,
    ) -> AsyncIterator[str]:
        """A failure in mid-stream is an event with `error`, and ends all."""
        async with closing(pieces):
            try:
                async for number, piece in pieces:
                    yield head.chunk(number, *piece)
            except (Refused, AssistantError) as error:
                yield error_event(error if isinstance(error, Refused) else broken_off())
                await self._stop(turns)
                return
        if include_usage:
            spent = usage(*(one.last for one in choices))
            yield event(head.completion([], spent).model_dump())
        yield DONE

    async def _stop(self, turns: Sequence[int]) -> None:
        for turn_id in turns:
            await self.assistant.stop(turn_id)


_Piece = tuple[int, tuple[str, FinishReason | None]]


async def _all(choices: Sequence[_Choice]) -> list[TextChoice]:
    """All of them; the first that fails is raised."""
    reading = [asyncio.create_task(one.whole(number)) for number, one in enumerate(choices)]
    try:
        return await asyncio.gather(*reading)
    finally:
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
