"""Directives: what an admin tells a process to do now, and what came of it.

They go by a Redis stream that every process follows, so one that was just reconnecting misses none.
A process says `taken` when it begins and `done` or `failed` when it ends. Redis may lose them: then
nothing happens, the page says nothing of them, and the admin asks again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import structlog
from redis.asyncio import Redis

from assistant.errors import AssistantError, DirectiveRefused
from assistant.signals import LOST, REDIS_SECONDS, RETRY_SECONDS

log = structlog.get_logger()

STREAM = "outrider:directives"
KEPT = 500
BLOCK_MILLISECONDS = 2000
OUTCOME_SECONDS = 86_400
EVERY = "*"  # in place of a process

DirectiveKind = Literal["engine.restart", "way_in.restart"]
OutcomeState = Literal["taken", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Directive:
    """`subject` is what of the process is meant: a way in. `seconds`: how long it may drain."""

    kind: DirectiveKind
    process: str
    subject: str = ""
    seconds: float = 0.0
    given_by: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    process: str
    state: OutcomeState
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class GivenDirective:
    directive: Directive
    given_at: datetime
    outcomes: Sequence[Outcome]


# Returns a sentence about what was done. Raises DirectiveRefused, in words.
CarryOut = Callable[[Directive], Awaitable[str]]


@dataclass(slots=True)
class Directives:
    redis: Redis
    _last: str = field(default="", init=False)  # what this process has read

    async def give(self, directive: Directive) -> str:
        """Its id. Raises DirectiveRefused where Redis is away."""
        written: dict[Any, Any] = {
            name: str(value) for name, value in asdict(directive).items() if name != "id"
        }
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                given = await self.redis.xadd(STREAM, written, maxlen=KEPT)
        except LOST as error:
            raise DirectiveRefused("Redis doesn't answer, so nobody can be told: try again.") from (
                error
            )
        return str(given)

    async def obey(self, process: str, carry_out: CarryOut) -> None:
        """Carry out what this process is told from now on, until cancelled. Several at once go on
        side by side."""
        async with asyncio.TaskGroup() as group:
            async for directive in self._told(process):
                group.create_task(self._obey(process, directive, carry_out))

    async def newest(self, limit: int) -> Sequence[GivenDirective]:
        """What was told lately, the newest first; none where Redis is away."""
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                entries: Any = await self.redis.xrevrange(STREAM, count=limit)
                pipeline = self.redis.pipeline(transaction=False)
                for entry, _ in entries:
                    pipeline.hgetall(_outcomes(entry))
                outcomes = await pipeline.execute()
        except LOST:
            return []
        return [_given(*(*entry, found)) for entry, found in zip(entries, outcomes, strict=True)]

    async def _obey(self, process: str, directive: Directive, carry_out: CarryOut) -> None:
        log.info("directive_taken", kind=directive.kind, given_by=directive.given_by)
        await self._say(directive, process, "taken", "")
        try:
            detail = await carry_out(directive)
        except AssistantError as error:
            await self._say(directive, process, "failed", str(error))
        except Exception:  # what one directive breaks must not end the process
            log.exception("directive_crashed", kind=directive.kind)
            await self._say(directive, process, "failed", "It broke off: the log says why.")
        else:
            await self._say(directive, process, "done", detail)

    async def _say(
        self, directive: Directive, process: str, state: OutcomeState, detail: str
    ) -> None:
        key, at = _outcomes(directive.id), datetime.now(UTC).isoformat()
        value = json.dumps({"state": state, "detail": detail, "at": at})
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                pipeline = self.redis.pipeline()
                pipeline.hset(key, process, value)
                pipeline.expire(key, OUTCOME_SECONDS)
                await pipeline.execute()
        except LOST:
            log.warning("directive_not_confirmed", kind=directive.kind, state=state)

    async def _told(self, process: str) -> AsyncIterator[Directive]:
        while True:
            try:
                for directive in await self._read():
                    if directive.process in (process, EVERY):
                        yield directive
            except LOST:
                await asyncio.sleep(RETRY_SECONDS)

    async def _read(self) -> Sequence[Directive]:
        if not self._last:  # what was told before is not for this process
            async with asyncio.timeout(REDIS_SECONDS):
                newest: Any = await self.redis.xrevrange(STREAM, count=1)
            self._last = newest[0][0] if newest else "0-0"
        async with asyncio.timeout(REDIS_SECONDS + BLOCK_MILLISECONDS / 1000):
            read: Any = await self.redis.xread({STREAM: self._last}, block=BLOCK_MILLISECONDS)
        entries = [entry for _, entries in read or () for entry in entries]
        if entries:
            self._last = entries[-1][0]
        return [_directive(*entry) for entry in entries]


def _outcomes(directive_id: str) -> str:
    return f"outrider:directive:{directive_id}"


def _directive(entry: str, written: Mapping[str, str]) -> Directive:
    values: dict[str, Any] = {**written, "seconds": float(written["seconds"])}
    return Directive(**values, id=entry)


def _given(entry: str, written: Mapping[str, str], found: Mapping[str, str]) -> GivenDirective:
    outcomes = [
        Outcome(process, at=datetime.fromisoformat(said.pop("at")), **said)
        for process, said in ((process, json.loads(value)) for process, value in found.items())
    ]
    # A stream's ids begin with Redis's milliseconds.
    given_at = datetime.fromtimestamp(int(entry.partition("-")[0]) / 1000, UTC)
    return GivenDirective(_directive(entry, written), given_at, outcomes)
