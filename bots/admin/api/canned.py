"""Canned answers and blocked topics for programs."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field

from assistant.answering.canned_answers import CannedAnswer, CannedAnswers, CannedDraft
from bots.admin.api.door import actor_of, api_router, scoped
from bots.api.keys import Access

CannedId = Annotated[int, Path(ge=1, lt=2**63)]


class CannedBody(BaseModel, extra="forbid"):
    """`whole`: the message is the phrase, and doesn't only hold it. `blocks`: a topic that the
    model is never told of, which needs no answer. No account: wherever people write."""

    title: str
    phrases: list[str] = Field(max_length=1000)
    answer: str = ""
    whole: bool = False
    blocks: bool = False
    account_id: int | None = Field(None, ge=1, lt=2**63)
    enabled: bool = True

    @property
    def draft(self) -> CannedDraft:
        return CannedDraft(**{**self.model_dump(), "phrases": tuple(self.phrases)})


class CannedAnswerBody(CannedBody):
    """`used`: how often it answered."""

    id: int
    phrases: list[str]
    channel: str
    account: str
    used: int
    used_at: datetime | None
    changed_at: datetime


class CannedAnswersBody(BaseModel):
    data: list[CannedAnswerBody]


def canned_api(access: Access, canned: CannedAnswers) -> APIRouter:
    router = api_router()
    seeing, changing = scoped(access, "viewer"), scoped(access, "admin")

    @router.get("/canned-answers", dependencies=[seeing])
    async def canned_answers() -> CannedAnswersBody:
        """All that is answered without the model, those that block first."""
        return CannedAnswersBody(data=[_answer(one) for one in await canned.listed()])

    @router.get("/canned-answers/{canned_id}", dependencies=[seeing])
    async def canned_answer(canned_id: CannedId) -> CannedAnswerBody:
        """One of them."""
        return _answer(await canned.one(canned_id))

    @router.post("/canned-answers", dependencies=[changing], status_code=201)
    async def add_canned_answer(request: Request, body: CannedBody) -> CannedAnswerBody:
        """It holds within seconds."""
        return _answer(await canned.one(await canned.add(body.draft, actor_of(request))))

    @router.put("/canned-answers/{canned_id}", dependencies=[changing])
    async def change_canned_answer(
        request: Request, canned_id: CannedId, body: CannedBody
    ) -> CannedAnswerBody:
        """All of it is replaced."""
        await canned.change(canned_id, body.draft, actor_of(request))
        return _answer(await canned.one(canned_id))

    @router.delete("/canned-answers/{canned_id}", dependencies=[changing], status_code=204)
    async def remove_canned_answer(request: Request, canned_id: CannedId) -> None:
        """From then on the model answers."""
        await canned.remove(canned_id, actor_of(request))

    return router


def _answer(found: CannedAnswer) -> CannedAnswerBody:
    values = {one.name: getattr(found, one.name) for one in fields(CannedAnswer)}
    return CannedAnswerBody(**{**values, "phrases": list(found.phrases)})
