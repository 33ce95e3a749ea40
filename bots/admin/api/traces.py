"""Traces for programs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from assistant.insight.prompts import ShownPrompt
from assistant.insight.recent_turns import Order
from assistant.insight.trace import Trace
from assistant.storage.audit import Actor
from bots.admin.api.door import actor_of, api_router, scoped
from bots.admin.api.trace_models import (
    Prompt,
    ReplayAnswer,
    ReplayMade,
    ReplayRequest,
    TracedTurn,
    TurnPage,
    listed,
    texts,
    traced,
)
from bots.admin.traces.parts import LARGEST, TraceParts
from bots.api.keys import Access
from bots.http.failures import Refused

TurnId = Annotated[int, Path(ge=1, le=LARGEST)]


def traces_api(access: Access, parts: TraceParts) -> APIRouter:
    router = api_router()

    @router.get("/turns", dependencies=[scoped(access, "viewer")])
    async def turns(
        order: Order = "newest",
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        before: Annotated[int, Query(ge=1, le=LARGEST)] = LARGEST,
        conversation: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
    ) -> TurnPage:
        """Turns with how long they took: the newest, or the slowest of the last thousand."""
        found = await parts.recent.listed(order, limit + 1, before, conversation)
        more = order == "newest" and len(found) > limit
        return TurnPage(
            data=[listed(one) for one in found[:limit]], next=found[limit - 1].id if more else None
        )

    @router.get("/turns/{turn_id}/trace", dependencies=[scoped(access, "viewer")])
    async def trace(turn_id: TurnId) -> TracedTurn:
        """Each step of an answer with its times, and of what the prompt was made, without texts."""
        return traced(await _found(parts, turn_id))

    @router.get("/turns/{turn_id}/prompt", dependencies=[scoped(access, "operator")])
    async def prompt(request: Request, turn_id: TurnId) -> Prompt:
        """The texts of the prompt, where the setting for content lets admins read them. That it was
        read is noted."""
        shown = await _shown(parts, await _found(parts, turn_id), actor_of(request))
        return Prompt(turn_id=turn_id, exact=shown.exact, parts=texts(shown))

    @router.post("/turns/{turn_id}/replays", dependencies=[scoped(access, "operator")])
    async def replay(request: Request, turn_id: TurnId, asked: ReplayRequest) -> ReplayMade:
        """Ask the same prompt again, of another persona or profile. Nobody is shown the answer."""
        found, actor = await _found(parts, turn_id), actor_of(request)
        shown = await _shown(parts, found, actor)
        if asked.persona and asked.persona not in await parts.personas(shown):
            raise Refused(400, "There is no such persona.", param="persona")
        made = await parts.replays.ask(
            found, shown, actor, persona=asked.persona, profile=asked.profile
        )
        return ReplayMade(id=made)

    @router.get("/turns/{turn_id}/replays/{replay_id}", dependencies=[scoped(access, "operator")])
    async def answer(request: Request, turn_id: TurnId, replay_id: TurnId) -> ReplayAnswer:
        """The answer to a replay, as far as it is written."""
        found = await _found(parts, turn_id)
        one = next((one for one in found.replays if one.id == replay_id), None)
        if one is None:
            raise _missing()
        if not await parts.may_read(turn_id):
            raise _closed()
        await parts.note_read(found, actor_of(request))
        reply = await parts.experiments.read(replay_id)
        return ReplayAnswer(
            id=one.id,
            repeats=turn_id,
            persona=one.persona,
            profile=one.profile,
            state=reply.state,
            text=reply.text,
            error=reply.error,
            prompt_tokens=reply.prompt_tokens,
            output_tokens=reply.output_tokens,
        )

    return router


async def _found(parts: TraceParts, turn_id: int) -> Trace:
    trace = await parts.traces.of(turn_id)
    if trace is None:
        raise _missing()
    return trace


async def _shown(parts: TraceParts, trace: Trace, actor: Actor) -> ShownPrompt:
    if not await parts.may_read(trace.turn.id):
        raise _closed()
    shown = await parts.read_prompt(trace, actor)
    if shown is None:
        raise Refused(404, "The prompt of this answer is not recorded.", code="not_recorded")
    return shown


def _missing() -> Refused:
    return Refused(404, "There is no such answer.", code="not_found")


def _closed() -> Refused:
    sentence = "The texts of this conversation are closed to admins: content_access decides that."
    return Refused(403, sentence, code="content_closed")
