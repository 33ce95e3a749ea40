"""The page of all personas: what people think of each, where each answers, and a new one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from assistant.answering.persona_versions import PersonaDraft, PersonaVersions
from assistant.answering.personas import BUILT_IN, DEFAULT, Persona
from assistant.errors import ChangeRefused
from assistant.insight.personas import PersonaFigures, Thumbs
from bots.admin.changes import fault, sentence
from bots.admin.door import SignedIn, needs
from bots.admin.faults import Fault, page_router
from bots.admin.form import Form, form_of
from bots.admin.shell import Shell
from bots.admin.words import Words
from bots.http.failures import change_status

ADDRESS = "/admin/personas"
NAME_CHARACTERS = 32


class NewPersona(BaseModel):
    name: str = ""
    title: str = ""
    prompt: str = ""


class AccountPersona(BaseModel):
    account: int = Field(ge=1, lt=2**63)
    persona: str = ""


class ChatPersona(BaseModel):
    account: int = Field(ge=1, lt=2**63)
    chat: str
    persona: str = ""
    everywhere: bool = False


def personas_pages(shell: Shell, versions: PersonaVersions, figures: PersonaFigures) -> APIRouter:
    router = page_router()
    pages = PersonasPages(shell, versions, figures)
    router.add_api_route("/personas", pages.all, methods=["GET"])
    router.add_api_route("/personas", pages.make, methods=["POST"])
    # Not under /personas: there each name may be a persona's.
    router.add_api_route("/persona-accounts", pages.set_account, methods=["POST"])
    router.add_api_route("/persona-chats", pages.set_chat, methods=["POST"])
    return router


def title_of(words: Words, persona: Persona) -> str:
    """Its own title, else the word for one that the program brings."""
    if persona.title or persona.name not in {DEFAULT, *BUILT_IN}:
        return persona.title
    return words(f"personas.built_in.{persona.name}")


def address_of(name: str) -> str:
    return f"{ADDRESS}/{quote(name, safe='')}"


class PersonasPages:
    def __init__(self, shell: Shell, versions: PersonaVersions, figures: PersonaFigures) -> None:
        self._shell = shell
        self._versions = versions
        self._figures = figures

    async def all(self, request: Request, _: Annotated[SignedIn, needs("viewer")]) -> Response:
        return await self._page(request)

    async def make(
        self,
        request: Request,
        admin: Annotated[SignedIn, needs("admin")],
        form: Annotated[Form[NewPersona], form_of(NewPersona)],
    ) -> Response:
        given = form.value or NewPersona()
        draft = PersonaDraft(given.title, given.prompt)
        try:
            made = await self._versions.make(given.name.strip(), draft, admin.actor)
        except ChangeRefused as refused:
            return await self._page(request, given, refused)
        return RedirectResponse(address_of(made.name), 303)

    async def set_account(
        self,
        request: Request,
        admin: Annotated[SignedIn, needs("admin")],
        form: Annotated[Form[AccountPersona], form_of(AccountPersona)],
    ) -> Response:
        if form.value is None:
            raise Fault(400, "shell.stale_form")
        try:
            await self._versions.set_account(form.value.account, form.value.persona, admin.actor)
        except ChangeRefused as refused:
            raise fault(self._shell.words(request), refused) from None
        return RedirectResponse(f"{ADDRESS}?set=account", 303)

    async def set_chat(
        self,
        request: Request,
        admin: Annotated[SignedIn, needs("admin")],
        form: Annotated[Form[ChatPersona], form_of(ChatPersona)],
    ) -> Response:
        given = form.value
        if given is None:
            return await self._page(
                request, chat=form.given, faults=form.said(self._words(request))
            )
        try:
            await self._versions.set_chat(
                given.account,
                given.chat.strip(),
                given.persona,
                admin.actor,
                everywhere=given.everywhere,
            )
        except ChangeRefused as refused:
            said = {"chat": sentence(self._words(request), refused)}
            return await self._page(request, chat=form.given, faults=said)
        return RedirectResponse(f"{ADDRESS}?set=chat", 303)

    def _words(self, request: Request) -> Words:
        return self._shell.words(request)

    async def _page(
        self,
        request: Request,
        given: NewPersona | None = None,
        refused: ChangeRefused | None = None,
        *,
        chat: Mapping[str, str] | None = None,
        faults: Mapping[str, str] | None = None,
    ) -> Response:
        words = self._words(request)
        thumbs, chosen = await self._figures.thumbs(), await self._figures.chosen()
        personas = await self._versions.personas.all()
        context: dict[str, Any] = {
            "personas": [
                (one, title_of(words, one), thumbs.get(name, Thumbs()), chosen.get(name, 0))
                for name, one in personas.items()
            ],
            "choices": [
                (name, f"{name} – {title_of(words, one)}")
                for name, one in personas.items()
                if not one.retired
            ],
            "accounts": await self._figures.accounts(),
            "given": given or NewPersona(),
            "opened": given is not None,
            "fault": sentence(words, refused) if refused else "",
            "chat": chat or {},
            "faults": faults or {},
            "was_set": request.query_params.get("set", ""),
            "address_of": address_of,
        }
        code = change_status(refused) if refused else 400 if faults else 200
        return self._shell.page(request, "personas.html", context, code)
