"""Canned answers and blocked topics: all of them, one of them, and what would answer a text."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from assistant.answering.canned import Book, Canned
from assistant.answering.canned_answers import CannedAnswer, CannedAnswers, CannedDraft
from assistant.errors import ChangeRefused
from assistant.insight.personas import PersonaFigures
from bots.admin.changes import fault, sentence
from bots.admin.door import SignedIn, needs
from bots.admin.faults import Fault, page_router
from bots.admin.form import Form, form_of
from bots.admin.shell import Shell
from bots.http.failures import change_status

ADDRESS = "/admin/canned"
TRIED_CHARACTERS = 2_000

CannedId = Annotated[int, Path(ge=1, lt=2**63)]


class CannedForm(BaseModel):
    """`phrases`: one a line. Without an account it holds wherever people write."""

    title: str = ""
    phrases: str = ""
    answer: str = ""
    kind: Literal["answer", "block"] = "answer"
    whole: bool = False
    account: int | None = Field(None, ge=1, lt=2**63)
    enabled: bool = False

    @property
    def draft(self) -> CannedDraft:
        return CannedDraft(
            title=self.title,
            phrases=tuple(self.phrases.splitlines()),
            answer=self.answer,
            whole=self.whole,
            blocks=self.kind == "block",
            account_id=self.account,
            enabled=self.enabled,
        )


def canned_pages(shell: Shell, canned: CannedAnswers, figures: PersonaFigures) -> APIRouter:
    router = page_router()
    pages = CannedPages(shell, canned, figures)
    router.add_api_route("/canned", pages.all, methods=["GET"])
    router.add_api_route("/canned", pages.add, methods=["POST"])
    router.add_api_route("/canned/new", pages.new, methods=["GET"])
    router.add_api_route("/canned/{canned_id}", pages.one, methods=["GET"])
    router.add_api_route("/canned/{canned_id}", pages.change, methods=["POST"])
    router.add_api_route("/canned/{canned_id}/remove", pages.remove, methods=["POST"])
    return router


class CannedPages:
    def __init__(self, shell: Shell, canned: CannedAnswers, figures: PersonaFigures) -> None:
        self._shell = shell
        self._canned = canned
        self._figures = figures

    async def all(
        self,
        request: Request,
        _: Annotated[SignedIn, needs("viewer")],
        text: Annotated[str, Query(max_length=TRIED_CHARACTERS)] = "",
    ) -> Response:
        found = await self._canned.listed()
        context = {
            "canned": found,
            "text": text.replace("\x00", ""),
            "answers": _answers(found, text),
            "done": request.query_params.get("done", ""),
        }
        return self._shell.page(request, "canned.html", context)

    async def new(self, request: Request, _: Annotated[SignedIn, needs("admin")]) -> Response:
        return await self._page(request, CannedForm(enabled=True))

    async def add(
        self,
        request: Request,
        admin: Annotated[SignedIn, needs("admin")],
        form: Annotated[Form[CannedForm], form_of(CannedForm)],
    ) -> Response:
        given = _given(form)
        try:
            await self._canned.add(given.draft, admin.actor)
        except ChangeRefused as refused:
            return await self._page(request, given, refused=refused)
        return RedirectResponse(f"{ADDRESS}?done=saved", 303)

    async def one(
        self, request: Request, canned_id: CannedId, _: Annotated[SignedIn, needs("viewer")]
    ) -> Response:
        found = await self._found(request, canned_id)
        return await self._page(request, _form(found), found)

    async def change(
        self,
        request: Request,
        canned_id: CannedId,
        admin: Annotated[SignedIn, needs("admin")],
        form: Annotated[Form[CannedForm], form_of(CannedForm)],
    ) -> Response:
        found = await self._found(request, canned_id)
        given = _given(form)
        try:
            await self._canned.change(canned_id, given.draft, admin.actor)
        except ChangeRefused as refused:
            return await self._page(request, given, found, refused)
        return RedirectResponse(f"{ADDRESS}?done=saved", 303)

    async def remove(
        self, request: Request, canned_id: CannedId, admin: Annotated[SignedIn, needs("admin")]
    ) -> Response:
        try:
            await self._canned.remove(canned_id, admin.actor)
        except ChangeRefused as refused:
            raise fault(self._shell.words(request), refused) from None
        return RedirectResponse(f"{ADDRESS}?done=removed", 303)

    async def _found(self, request: Request, canned_id: int) -> CannedAnswer:
        try:
            return await self._canned.one(canned_id)
        except ChangeRefused as refused:
            raise fault(self._shell.words(request), refused) from None

    async def _page(
        self,
        request: Request,
        given: CannedForm,
        found: CannedAnswer | None = None,
        refused: ChangeRefused | None = None,
    ) -> Response:
        words = self._shell.words(request)
        accounts = await self._figures.accounts(programs=True)
        context: dict[str, Any] = {
            "found": found,
            "given": given,
            "address": f"{ADDRESS}/{found.id}" if found else ADDRESS,
            "accounts": [("", words("canned.everywhere"))]
            + [(str(one.id), f"{one.channel} · {one.name}") for one in accounts],
            "fault": sentence(words, refused) if refused else "",
        }
        code = change_status(refused) if refused else 200
        return self._shell.page(request, "canned_one.html", context, code)


def _given(form: Form[CannedForm]) -> CannedForm:
    if form.value is None:
        raise Fault(400, "shell.stale_form")
    return form.value


def _form(found: CannedAnswer) -> CannedForm:
    return CannedForm(
        title=found.title,
        phrases="\n".join(found.phrases),
        answer=found.answer,
        kind="block" if found.blocks else "answer",
        whole=found.whole,
        account=found.account_id,
        enabled=found.enabled,
    )


def _answers(found: Any, text: str) -> CannedAnswer | None:
    """Which would answer this text where people write, of those for all accounts."""
    by_id = {one.id: one for one in found if one.enabled and one.account_id is None}
    book = Book(
        Canned(one.id, one.phrases, one.whole, one.blocks, one.answer) for one in by_id.values()
    )
    hit = book.find([text], 0, people=True)
    return by_id[hit.id] if hit else None
