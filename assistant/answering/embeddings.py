"""Embeddings: a gateway asks by Redis, and any worker that serves the model answers.

They are no turns: nothing is stored, and what is lost is asked again. A request is a key in Redis
that ends with its deadline, or when who asked has left; its id stands in its model's queue. A
worker takes ids from there, leaves out those whose request is no more, and puts the answer into the
list of the gateway that asked, which reads all of its answers on one connection. While it is at it,
it says so; what a worker took and is not at any more is offered again: a killed one costs seconds.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import uuid4

import structlog
from redis.asyncio import Redis

from assistant.answering.supervision import Supervisor
from assistant.errors import EmbeddingFailed
from assistant.signals import LOST, REDIS_SECONDS, RETRY_SECONDS
from inference.api import Embedder
from inference.errors import EngineError, EngineUnavailable

log = structlog.get_logger()

DEADLINE_SECONDS = 60
OFFER_AGAIN_SECONDS = 5.0
TAKEN_SECONDS = 5  # after so long a worker that says nothing more is not at it
SAY_SECONDS = 1.5
BLOCK_SECONDS = 1.0
MOST_WAITING = 1000
MOST_AT_ONCE = 32  # requests that one worker is at
INTERNAL = "Something went wrong here. Please try again."
OVERLOADED = "Too many texts wait for their embeddings: try again."
TOO_LATE = "The embeddings did not come in time: try again."
UNREACHABLE = "The workers can't be reached right now: try again."

# KEYS: the request, its model's queue. ARGV: its id, what is asked, seconds, the longest queue.
ASK = """
if redis.call('LLEN', KEYS[2]) >= tonumber(ARGV[4]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
redis.call('RPUSH', KEYS[2], ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 1
"""
# The same, and who is at it. Nobody is, and it was not answered: unless it waits still, it waits
# again.
OFFER = """
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('EXISTS', KEYS[3]) == 1
    or redis.call('LPOS', KEYS[2], ARGV[1]) then return 0 end
redis.call('RPUSH', KEYS[2], ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1
"""


@dataclass(frozen=True, slots=True)
class Embedded:
    """Each text's vector as little-endian float32 in base64, in their order."""

    vectors: tuple[str, ...]
    prompt_tokens: int


def packed(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def unpacked(vector: str) -> list[float]:
    data = base64.b64decode(vector)
    return list(struct.unpack(f"<{len(data) // 4}f", data))


def _queue(model: str) -> str:
    return f"outrider:embeddings:{model}"


def _request(name: str) -> str:
    return f"outrider:embedding:{name}"


def _taken(name: str) -> str:
    return f"outrider:embedding:{name}:taken"


@dataclass(slots=True)
class EmbeddingRequests:
    """A gateway's. `run` must be running."""

    redis: Redis
    _answers: str = field(default_factory=lambda: f"outrider:embedded:{uuid4().hex}", init=False)
    _waiting: dict[str, asyncio.Future[dict[str, Any]]] = field(default_factory=dict, init=False)

    async def embed(self, model: str, texts: Sequence[str]) -> Embedded:
        """Raises EmbeddingFailed. Cancelled, it is withdrawn."""
        name = uuid4().hex
        answer = asyncio.get_running_loop().create_future()
        self._waiting[name] = answer
        try:
            await self._ask(name, model, texts)
            async with asyncio.timeout(DEADLINE_SECONDS):
                while not answer.done():
                    await asyncio.wait([answer], timeout=OFFER_AGAIN_SECONDS)
                    if not answer.done():
                        await self._offer(name, model)
        except TimeoutError:
            raise EmbeddingFailed("embedding_timeout", TOO_LATE) from None
        except LOST as error:
            raise EmbeddingFailed("embedding_unreachable", UNREACHABLE) from error
        finally:
            del self._waiting[name]
            await self._withdraw(name)
        return _read(answer.result())

    async def run(self) -> None:
        """Hand out the answers, for ever; comes back by itself after an outage."""
        while True:
            try:
                async with asyncio.timeout(BLOCK_SECONDS + REDIS_SECONDS):
                    found = await self.redis.blpop([self._answers], timeout=BLOCK_SECONDS)
            except LOST as error:
                log.warning("embeddings_unread", error=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if found is not None:
                said = json.loads(found[1])
                waiting = self._waiting.get(said["id"])
                if waiting is not None and not waiting.done():
                    waiting.set_result(said)

    async def _ask(self, name: str, model: str, texts: Sequence[str]) -> None:
        body = json.dumps({"answers": self._answers, "texts": list(texts)})
        values = (name, body, DEADLINE_SECONDS, MOST_WAITING)
        async with asyncio.timeout(REDIS_SECONDS):
            if not await self.redis.eval(ASK, 2, _request(name), _queue(model), *values):
                raise EmbeddingFailed("engine_overloaded", OVERLOADED)

    async def _offer(self, name: str, model: str) -> None:
        keys = (_request(name), _queue(model), _taken(name))
        async with asyncio.timeout(REDIS_SECONDS):
            await self.redis.eval(OFFER, 3, *keys, name, DEADLINE_SECONDS)

    async def _withdraw(self, name: str) -> None:
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                await asyncio.shield(self.redis.delete(_request(name)))
        except LOST:
            pass  # it ends by itself


def _read(said: dict[str, Any]) -> Embedded:
    """Raises EmbeddingFailed."""
    if "code" in said:
        raise EmbeddingFailed(said["code"], said["sentence"])
    return Embedded(tuple(said["vectors"]), said["prompt_tokens"])


@dataclass(slots=True)
class EmbeddingWorker:
    """A worker's: takes what is asked of its engine while that can answer."""

    redis: Redis
    supervisor: Supervisor

    async def run(self) -> None:
        """Ends where the engine's model makes no embeddings, which it knows once it has started."""
        await self.supervisor.able()
        model = self.supervisor.engine.info.embeddings
        if not model:
            return
        room = asyncio.Semaphore(MOST_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            while True:
                await room.acquire()
                name = await self._next(model)
                if name is None:
                    room.release()
                    continue
                task = group.create_task(self._serve(name))
                task.add_done_callback(lambda _: room.release())

    async def _next(self, model: str) -> str | None:
        """The next request's id, or None after a second."""
        await self.supervisor.able()
        try:
            async with asyncio.timeout(BLOCK_SECONDS + REDIS_SECONDS):
                found = await self.redis.blpop([_queue(model)], timeout=BLOCK_SECONDS)
        except LOST as error:
            log.warning("embeddings_not_asked", error=type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)
            return None
        return None if found is None else str(found[1])

    async def _serve(self, name: str) -> None:
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                asked = await self.redis.get(_request(name))
            if asked is None:
                return  # who asked has left, or was answered
            body = json.loads(asked)
            begun = time.monotonic()
            async with self._at(name):
                answer = await self._answer(body["texts"])
            if answer is None:
                return  # it is offered again, to whoever is able then
            said = {"id": name, **answer}
            log.info(
                "embedded",
                texts=len(body["texts"]),
                code=said.get("code", ""),
                seconds=round(time.monotonic() - begun, 3),
            )
            async with asyncio.timeout(REDIS_SECONDS), self.redis.pipeline(False) as both:
                both.rpush(body["answers"], json.dumps(said))
                both.expire(body["answers"], DEADLINE_SECONDS)
                await both.execute()
        except LOST as error:
            log.warning("embedding_lost", error=type(error).__name__)

    @asynccontextmanager
    async def _at(self, name: str) -> AsyncIterator[None]:
        saying = asyncio.create_task(self._say_taken(name))
        try:
            yield
        finally:
            saying.cancel()
            await asyncio.wait({saying})

    async def _say_taken(self, name: str) -> None:
        while True:
            with suppress(*LOST):
                async with asyncio.timeout(REDIS_SECONDS):
                    await self.redis.set(_taken(name), 1, ex=TAKEN_SECONDS)
            await asyncio.sleep(SAY_SECONDS)

    async def _answer(self, texts: Sequence[str]) -> dict[str, Any] | None:
        """None where the engine broke off."""
        try:
            async with self.supervisor.using():
                found = await cast(Embedder, self.supervisor.engine).embed(texts)
        except EngineUnavailable as error:
            log.warning("embedding_put_off", error=str(error))
            self.supervisor.look_now()
            return None
        except EngineError as error:
            return {"code": error.code, "sentence": str(error)}
        except Exception:  # one text's fault must not end the others
            log.exception("embedding_crashed")
            return {"code": "internal", "sentence": INTERNAL}
        vectors = [packed(vector) for vector in found.vectors]
        return {"vectors": vectors, "prompt_tokens": found.prompt_tokens}
