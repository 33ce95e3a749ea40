"""Asking a turn's prompt again, of another persona or profile, with both answers side by side."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from assistant.insight.prompts import ShownPrompt
from assistant.insight.steps import Timeline, timeline_of
from assistant.insight.trace import Trace
from assistant.messages import ReplyDelta
from bots.admin.door import SignedIn, needs
from bots.admin.faults import Fault, page_router
from bots.admin.form import Form, form_of
from bots.admin.live import fragment
from bots.admin.shell import Shell
from bots.admin.traces.pages import TurnId, found, prompt_of
from bots.admin.traces.parts import LARGEST, TraceParts
from bots.http.stream import EventStream

STREAM_SECONDS = 0.1  # between two looks of a growing answer

ExperimentId = Annotated[int, Path(ge=1, le=LARGEST)]


class Asked(BaseModel):
    persona: str = Field("", max_length=64)
    profile: str = Field("", max_length=200)


def replay_pages(shell: Shell, parts: TraceParts) -> APIRouter:
    router = page_router()
    pages = ReplayPages(shell, parts)
    again = "/traces/{turn_id}/again"
    router.add_api_route(again, pages.form, methods=["GET"])
    router.add_api_route(again, pages.ask, methods=["POST"])
    router.add_api_route(again + "/{experiment_id}", pages.page, methods=["GET"])
    router.add_api_route(again + "/{experiment_id}/live", pages.live, methods=["GET"])
    router.add_api_route(again + "/{experiment_id}/stop", pages.stop, methods=["POST"])
    return router


Operator = Annotated[SignedIn, needs("operator")]


class ReplayPages:
    def __init__(self, shell: Shell, parts: TraceParts) -> None:
        self._shell = shell
        self._parts = parts

    async def form(self, request: Request, admin: Operator, turn_id: TurnId) -> Response:
        trace = await found(self._parts, turn_id)
        shown = await prompt_of(self._parts, trace, admin)
        return await self._form(request, trace, shown)

    async def ask(
        self,
        request: Request,
        admin: Operator,
        turn_id: TurnId,
        form: Annotated[Form[Asked], form_of(Asked)],
    ) -> Response:
        trace = await found(self._parts, turn_id)
        shown = await prompt_of(self._parts, trace, admin)
        given = form.value
        if shown is None:
            raise Fault(409, "traces.parts.none")
        faults = form.said(self._shell.words(request))
        if (
            given is not None
            and given.persona
            and given.persona not in await self._parts.personas(shown)
        ):
            faults = {"persona": self._shell.words(request)("traces.again.unknown_persona")}
        if given is None or faults:
            return await self._form(request, trace, shown, faults, form.given)
        experiment = await self._parts.replays.ask(
            trace, shown, admin.actor, persona=given.persona, profile=given.profile
        )
        return RedirectResponse(f"/admin/traces/{turn_id}/again/{experiment}", 303)

    async def page(
        self, request: Request, admin: Operator, turn_id: TurnId, experiment_id: ExperimentId
    ) -> Response:
        trace, other = await self._both(turn_id, experiment_id)
        await self._parts.note_read(trace, admin.actor)
        given = await self._parts.turns.read(turn_id)
        now = await self._parts.experiments.read(experiment_id)
        context = {
            "trace": trace,
            "other": other,
            "given": given,
            "now": now,
            "replay": next(one for one in trace.replays if one.id == experiment_id),
            "before_took": _took(timeline_of(trace)),
            "now_took": _took(timeline_of(other)),
        }
        return self._shell.page(request, "trace_again.html", context)

    async def live(
        self, request: Request, admin: Operator, turn_id: TurnId, experiment_id: ExperimentId
    ) -> Response:
        await self._both(turn_id, experiment_id)
        follow = self._parts.experiments.follow(experiment_id)
        return EventStream(self._growing(request, follow))

    async def stop(self, admin: Operator, turn_id: TurnId, experiment_id: ExperimentId) -> Response:
        await self._both(turn_id, experiment_id)
        await self._parts.experiments.stop(experiment_id)
        return RedirectResponse(f"/admin/traces/{turn_id}/again/{experiment_id}", 303)

    async def _growing(
        self, request: Request, deltas: AsyncIterator[ReplyDelta]
    ) -> AsyncIterator[str]:
        text, sent = "", 0.0
        async for delta in deltas:
            text = text[: delta.offset] + delta.text
            now = time.monotonic()
            if delta.state is None and now - sent < STREAM_SECONDS:
                continue
            sent = now
            context = {"text": text, "state": delta.state, "error": delta.error}
            yield fragment("answer", self._shell.html(request, "trace_answer.html", context))
        yield fragment("over", "")

    async def _both(self, turn_id: int, experiment_id: int) -> tuple[Trace, Trace]:
        """The turn's trace and its replay's. Raises Fault: 404 where the one is not the other's,
        403 where its texts are closed."""
        trace = await found(self._parts, turn_id)
        if experiment_id not in [one.id for one in trace.replays]:
            raise Fault(404, "shell.not_found")
        if not await self._parts.may_read(turn_id):
            raise Fault(403, "traces.prompt.closed")
        return trace, await found(self._parts, experiment_id)

    async def _form(
        self,
        request: Request,
        trace: Trace,
        shown: ShownPrompt | None,
        faults: dict[str, str] | None = None,
        given: Any = None,
    ) -> Response:
        context = {
            "trace": trace,
            "shown": shown,
            "personas": await self._parts.personas(shown) if shown is not None else [],
            "profiles": await self._parts.experiments.profiles(),
            "faults": faults or {},
            "given": given or {},
        }
        return self._shell.page(request, "trace_ask.html", context, 400 if faults else 200)


def _took(timeline: Timeline) -> tuple[float | None, float | None]:
    """Until the first token, and until the end, since it was asked."""
    first = next((one.ends for one in timeline.steps if one.name.startswith("prefill")), None)
    ended = next((one.ends for one in timeline.steps if one.name == "ended"), None)
    return _since(timeline, first), _since(timeline, ended)


def _since(timeline: Timeline, moment: datetime | None) -> float | None:
    return None if moment is None else (moment - timeline.began).total_seconds()
