"""Broadcasts for programs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from assistant.outgoing.broadcasts import LONGEST, Broadcast
from bots.admin.api.door import actor_of, api_router, scoped
from bots.admin.api.operations import LARGEST_ID, MOST, said_in_words
from bots.admin.operations.parts import OperationsParts
from bots.api.keys import Access
from bots.http.failures import Refused

Number = Annotated[int, Path(ge=1, lt=LARGEST_ID)]


class BroadcastList(BaseModel):
    """`wanted`: how many conversations have asked for news, by channel."""

    data: list[Broadcast]
    wanted: dict[str, int]


class NewBroadcast(BaseModel):
    """`channel`: to that one alone; empty: to all."""

    text: str = Field(min_length=1, max_length=LONGEST)
    channel: str = Field("", max_length=40)


def broadcasts_api(access: Access, parts: OperationsParts) -> APIRouter:
    router = api_router()
    broadcasts = parts.broadcasts

    async def found(number: int) -> Broadcast:
        broadcast = await broadcasts.find(number)
        if broadcast is None:
            raise Refused(404, "There is no such broadcast.")
        return broadcast

    @router.get("/broadcasts", dependencies=[scoped(access, "viewer")])
    async def newest(limit: Annotated[int, Query(ge=1, le=MOST)] = 20) -> BroadcastList:
        """The newest broadcasts, and who would get another."""
        data = list(await broadcasts.newest(limit))
        return BroadcastList(data=data, wanted=dict(await broadcasts.wanted()))

    @router.post("/broadcasts", status_code=201, dependencies=[scoped(access, "operator")])
    async def start(request: Request, new: NewBroadcast) -> Broadcast:
        """Send a text to every conversation that asked for news, by the platforms' budgets."""
        with said_in_words():
            channel = new.channel.replace("\x00", "")
            number = await broadcasts.start(actor_of(request), new.text, channel)
        return await found(number)

    @router.get("/broadcasts/{number}", dependencies=[scoped(access, "viewer")])
    async def one(number: Number) -> Broadcast:
        """How far it is: its posts by their states."""
        return await found(number)

    @router.post("/broadcasts/{number}/stop", dependencies=[scoped(access, "operator")])
    async def stop(request: Request, number: Number) -> Broadcast:
        """Send nothing more of it; what is on its way in this moment arrives."""
        with said_in_words():
            await broadcasts.stop(actor_of(request), number)
        return await found(number)

    return router
