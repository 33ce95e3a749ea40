"""Operations for programs: what failed, what waits, what runs, and the hand for each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from assistant.directives import GivenDirective
from assistant.errors import ChangeRefused, TurnNotFound
from assistant.insight.failures import Failure
from assistant.insight.queue import QueuedTurn, Share
from assistant.insight.undelivered import UndeliveredSeen
from assistant.messages import clean
from assistant.processes import ProcessPresence
from bots.admin.api.door import actor_of, api_router, scoped
from bots.admin.operations.parts import OperationsParts
from bots.api.keys import Access
from bots.http.failures import Refused

MOST = 200
LARGEST_ID = 2**62

TurnId = Annotated[int, Path(ge=1, lt=LARGEST_ID)]
Limit = Annotated[int, Query(ge=1, le=MOST)]
Code = Annotated[str, Query(max_length=100, pattern=r"^[a-z_]*$")]
Name = Annotated[str, Path(min_length=1, max_length=200)]


class FailurePage(BaseModel):
    """`next` is the `after` of the page that follows; null at the end."""

    data: list[Failure]
    next: str | None


class RetryAll(BaseModel):
    """`code`: those with this error alone; empty: whatever failed."""

    code: str = Field("", max_length=100, pattern=r"^[a-z_]*$")


class Retried(BaseModel):
    """`more`: ask again for the next."""

    turns: int
    more: bool


class AnsweredAgain(BaseModel):
    """The turn that answers now."""

    turn: int


class Queue(BaseModel):
    """The first of those that run and of those that wait; `shares` are of all that wait."""

    running: list[QueuedTurn]
    waiting: list[QueuedTurn]
    shares: list[Share]


class ShownAgain(BaseModel):
    answers: int


class Worker(BaseModel):
    """`model` is null before the engine is ready."""

    process: str
    state: str
    detail: str
    model: str | None
    profile: str | None
    running_turns: int


class ProcessList(BaseModel):
    processes: list[ProcessPresence]
    workers: list[Worker]


class EngineRestart(BaseModel):
    """`drain_seconds`: for so long answers may end before."""

    drain_seconds: float = Field(60.0, ge=0, le=3600)


class Told(BaseModel):
    """The directive's id: what comes of it is listed under /v1/admin/directives."""

    directive: str


class DirectiveList(BaseModel):
    data: list[GivenDirective]


class Maintenance(BaseModel):
    """`message` follows Outrider's own sentence to people."""

    on: bool
    message: str = Field("", max_length=500)


class LogLevel(BaseModel):
    """Null: as each process was started."""

    level: Literal["debug", "info", "warning", "error"] | None


def operations_api(access: Access, parts: OperationsParts) -> APIRouter:
    router = api_router()
    _failures(router, access, parts)
    _turns(router, access, parts)
    _deliveries(router, access, parts)
    _processes(router, access, parts)
    _switches(router, access, parts)
    return router


@contextmanager
def said_in_words() -> Iterator[None]:
    """What can't be done is a 409 with the sentence that says why."""
    try:
        yield
    except (ChangeRefused, TurnNotFound) as error:
        raise Refused(409, str(error), code=error.code) from error


def _failures(router: APIRouter, access: Access, parts: OperationsParts) -> None:
    @router.get("/failures", dependencies=[scoped(access, "viewer")])
    async def failures(
        limit: Limit = 50, code: Code = "", after: Annotated[str, Query(max_length=80)] = ""
    ) -> FailurePage:
        """Turns that failed and were not answered again, newest first."""
        until, before = _cursor(after)
        found = await parts.failures.newest(limit + 1, code, until, before)
        more = len(found) > limit
        last = found[limit - 1] if more else None
        cursor = f"{last.finished_at.isoformat()}_{last.id}" if last else None
        return FailurePage(data=list(found[:limit]), next=cursor)

    @router.post("/failures/retry", dependencies=[scoped(access, "operator")])
    async def retry_all(request: Request, asked: RetryAll) -> Retried:
        """Answer all of them again, 500 at a time, as background work."""
        retried = await parts.retries.all(actor_of(request), asked.code)
        return Retried(turns=retried.turns, more=retried.more)


def _turns(router: APIRouter, access: Access, parts: OperationsParts) -> None:
    @router.get("/queue", dependencies=[scoped(access, "viewer")])
    async def queue(limit: Limit = 50) -> Queue:
        """What is being answered, and what waits, in its order."""
        seen = await parts.queue.seen(limit)
        return Queue(
            running=list(seen.running), waiting=list(seen.waiting), shares=list(seen.shares)
        )

    @router.post("/turns/{turn}/retry", dependencies=[scoped(access, "operator")])
    async def retry(request: Request, turn: TurnId) -> AnsweredAgain:
        """Answer a turn that is over again, in the same message of its chat."""
        with said_in_words():
            return AnsweredAgain(turn=await parts.retries.one(actor_of(request), turn))

    @router.post("/turns/{turn}/stop", status_code=204, dependencies=[scoped(access, "operator")])
    async def stop(request: Request, turn: TurnId) -> None:
        """End a turn that waits or runs; what was said of it stays."""
        with said_in_words():
            await parts.retries.stop(actor_of(request), turn)


def _deliveries(router: APIRouter, access: Access, parts: OperationsParts) -> None:
    @router.get("/deliveries", dependencies=[scoped(access, "viewer")])
    async def deliveries(limit: Limit = 50) -> UndeliveredSeen:
        """Answers that are not where they belong: not shown, put off, or in doubt."""
        return await parts.undelivered.seen(limit)

    @router.post("/deliveries/again", dependencies=[scoped(access, "operator")])
    async def all_again(request: Request) -> ShownAgain:
        """Show all that were not shown once more, 500 at a time."""
        return ShownAgain(answers=await parts.redelivery.all(actor_of(request)))

    @router.post(
        "/deliveries/{turn}/again", status_code=204, dependencies=[scoped(access, "operator")]
    )
    async def again(request: Request, turn: TurnId) -> None:
        """Show a turn's answer once more, or now where it was put off."""
        with said_in_words():
            await parts.redelivery.one(actor_of(request), turn)

    @router.post(
        "/deliveries/{turn}/settle", status_code=204, dependencies=[scoped(access, "operator")]
    )
    async def settle(request: Request, turn: TurnId) -> None:
        """Somebody has looked: no empty message of this turn stands in its chat."""
        with said_in_words():
            await parts.redelivery.settle(actor_of(request), turn)


def _processes(router: APIRouter, access: Access, parts: OperationsParts) -> None:
    @router.get("/processes", dependencies=[scoped(access, "viewer")])
    async def processes() -> ProcessList:
        """The processes that were heard of lately, and their engines."""
        workers = [
            Worker(
                process=one.worker,
                state=one.state,
                detail=one.detail,
                model=one.info and one.info.model,
                profile=one.info and one.info.profile,
                running_turns=one.running_turns,
            )
            for one in await parts.signals.workers()
        ]
        return ProcessList(processes=list(await parts.processes.present()), workers=workers)

    @router.get("/directives", dependencies=[scoped(access, "viewer")])
    async def directives(limit: Limit = 20) -> DirectiveList:
        """What processes were told to do, newest first, and what came of it."""
        return DirectiveList(data=list(await parts.directives.newest(limit)))

    @router.post(
        "/processes/{process}/engine/restart",
        status_code=202,
        dependencies=[scoped(access, "operator")],
    )
    async def restart_engine(request: Request, process: Name, asked: EngineRestart) -> Told:
        """Let answers end, then build this process's engine anew."""
        with said_in_words():
            actor, seconds = actor_of(request), asked.drain_seconds
            return Told(directive=await parts.directing.restart_engine(actor, process, seconds))

    @router.post(
        "/processes/{process}/ways-in/{name}/restart",
        status_code=202,
        dependencies=[scoped(access, "operator")],
    )
    async def restart_way_in(request: Request, process: Name, name: Name) -> Told:
        """Close a channel's way in of this process, and open it anew."""
        with said_in_words():
            actor = actor_of(request)
            return Told(directive=await parts.directing.restart_way_in(actor, process, name))


def _switches(router: APIRouter, access: Access, parts: OperationsParts) -> None:
    @router.get("/maintenance", dependencies=[scoped(access, "viewer")])
    async def maintenance() -> Maintenance:
        """Whether nothing new is let in, and what people are told."""
        await parts.live.refresh()
        settings = parts.live.settings
        return Maintenance(on=settings.maintenance, message=settings.maintenance_message)

    @router.put("/maintenance", status_code=204, dependencies=[scoped(access, "operator")])
    async def maintain(request: Request, wanted: Maintenance) -> None:
        """Begin or end maintenance, in every process within two seconds."""
        with said_in_words():
            actor, message = actor_of(request), clean(wanted.message).strip()
            await parts.live.change("maintenance_message", message, actor)
            await parts.live.change("maintenance", wanted.on, actor)

    @router.get("/log-level", dependencies=[scoped(access, "viewer")])
    async def log_level() -> LogLevel:
        """The least severe line that every process writes."""
        await parts.live.refresh()
        return LogLevel(level=parts.live.settings.log_level)

    @router.put("/log-level", status_code=204, dependencies=[scoped(access, "operator")])
    async def set_log_level(request: Request, wanted: LogLevel) -> None:
        """Change it, in every process within two seconds."""
        with said_in_words():
            await parts.live.change("log_level", wanted.level, actor_of(request))


def _cursor(after: str) -> tuple[datetime | None, int]:
    """Raises Refused for what no page gave."""
    if not after:
        return None, LARGEST_ID
    moment, _, number = after.rpartition("_")
    try:
        until, before = datetime.fromisoformat(moment), int(number)
        if until.tzinfo is None or not 0 < before <= LARGEST_ID:
            raise ValueError(after)
    except ValueError as error:
        sentence = "after: take the `next` of the page before, as it is."
        raise Refused(400, sentence, param="after") from error
    return until, before
