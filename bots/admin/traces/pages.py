"""The pages of traces: which answers there were, each with its steps, and its prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import RedirectResponse, Response

from assistant.insight.prompts import ShownPrompt
from assistant.insight.recent_turns import AMONG, Order
from assistant.insight.steps import timeline_of
from assistant.insight.trace import Trace
from bots.admin.door import SignedIn, needs
from bots.admin.faults import Fault, page_router
from bots.admin.live import StillIn, live
from bots.admin.shell import Shell
from bots.admin.traces.parts import LARGEST, TraceParts
from bots.admin.traces.waterfall import waterfall

PAGE = 50
LIVE_SECONDS = 1.0
SETTLED_SECONDS = 10.0  # after an answer's end its last steps are written, and its last edit made

TurnId = Annotated[int, Path(ge=1, le=LARGEST)]


async def found(parts: TraceParts, turn_id: int) -> Trace:
    """Raises Fault (404)."""
    trace = await parts.traces.of(turn_id)
    if trace is None:
        raise Fault(404, "shell.not_found")
    return trace


async def prompt_of(parts: TraceParts, trace: Trace, admin: SignedIn) -> ShownPrompt | None:
    """None where it isn't recorded. Raises Fault (403) where its texts are closed."""
    if not await parts.may_read(trace.turn.id):
        raise Fault(403, "traces.prompt.closed")
    return await parts.read_prompt(trace, admin.actor)


def trace_pages(shell: Shell, parts: TraceParts, still_in: StillIn) -> APIRouter:
    router = page_router()
    pages = TracePages(shell, parts, still_in)
    router.add_api_route("/traces", pages.listed, methods=["GET"])
    router.add_api_route("/traces/{turn_id}", pages.page, methods=["GET"])
    router.add_api_route("/traces/{turn_id}/live", pages.live, methods=["GET"])
    router.add_api_route("/traces/{turn_id}/prompt", pages.prompt, methods=["GET"])
    return router


class TracePages:
    def __init__(self, shell: Shell, parts: TraceParts, still_in: StillIn) -> None:
        self._shell = shell
        self._parts = parts
        self._still_in = still_in

    async def listed(
        self,
        request: Request,
        _: Annotated[SignedIn, needs("viewer")],
        turn: Annotated[str, Query(max_length=20)] = "",
        order: Order = "newest",
        conversation: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
        before: Annotated[int, Query(ge=1, le=LARGEST)] = LARGEST,
    ) -> Response:
        asked = turn.strip().lstrip("#")
        if asked.isdecimal() and 0 < int(asked) <= LARGEST:
            return RedirectResponse(f"/admin/traces/{int(asked)}", 303)
        listed = await self._parts.recent.listed(order, PAGE + 1, before, conversation)
        shown = listed[:PAGE]
        more = order == "newest" and len(listed) > PAGE
        context = {
            "turns": shown,
            "order": order,
            "among": AMONG,
            "conversation": conversation,
            "wrong": bool(asked),
            "asked": turn,
            "older": shown[-1].id if more else None,
        }
        return self._shell.page(request, "traces.html", context)

    async def page(
        self, request: Request, admin: Annotated[SignedIn, needs("viewer")], turn_id: TurnId
    ) -> Response:
        trace = await found(self._parts, turn_id)
        readable = admin.may("operator") and await self._parts.may_read(turn_id)
        context = {**_drawn(trace), "readable": readable}
        return self._shell.page(request, "trace.html", context)

    async def live(
        self, request: Request, admin: Annotated[SignedIn, needs("viewer")], turn_id: TurnId
    ) -> Response:
        await found(self._parts, turn_id)

        async def render() -> Mapping[str, str]:
            trace = await self._parts.traces.of(turn_id)
            if trace is None:
                return {"over": ""}
            steps = self._shell.html(request, "trace_steps.html", _drawn(trace))
            return {"steps": steps, **({"over": ""} if _complete(trace) else {})}

        return live(render, admin, self._still_in, LIVE_SECONDS)

    async def prompt(
        self, request: Request, admin: Annotated[SignedIn, needs("operator")], turn_id: TurnId
    ) -> Response:
        trace = await found(self._parts, turn_id)
        shown = await prompt_of(self._parts, trace, admin)
        return self._shell.page(request, "trace_prompt.html", {"trace": trace, "shown": shown})


def _complete(trace: Trace) -> bool:
    """Whether nothing more will come: what is not there by now is lost."""
    ended = trace.turn.finished_at
    return ended is not None and (trace.turn.read_at - ended).total_seconds() > SETTLED_SECONDS


def _drawn(trace: Trace) -> dict[str, Any]:
    """What the steps' template asks for."""
    timeline = timeline_of(trace)
    return {
        "trace": trace,
        "timeline": timeline,
        "fall": waterfall(timeline),
        "running": not trace.turn.over,
        "missing": any(not one.recorded for one in timeline.steps),
    }
