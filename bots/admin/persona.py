"""One persona's page: what it says, its versions, the way back, where it answers, a trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from assistant.answering.persona_versions import PersonaDraft, PersonaVersion, PersonaVersions
from assistant.answering.personas import Persona
from assistant.errors import ChangeRefused
from assistant.insight.personas import MOST_PLACES, PersonaFigures, Thumbs
from bots.admin.changes import fault, sentence
from bots.admin.door import SignedIn, needs
from bots.admin.faults import Fault, page_router
from bots.admin.form import Form, form_of
from bots.admin.personas import address_of, title_of
from bots.admin.shell import Shell
from bots.admin.text_diff import diff
from bots.http.failures import change_status

MOST_NUMBER = 2**31 - 1


class PersonaForm(BaseModel):
    """`looked_at`: the version that was on the page when it was changed."""

    looked_at: int = Field(ge=1, le=MOST_NUMBER)
    title: str = ""
    prompt: str = ""
    prompts: str = ""
    note: str = ""

    @property
    def draft(self) -> PersonaDraft:
        prompts = tuple(one.strip() for one in self.prompts.splitlines() if one.strip())
        return PersonaDraft(self.title, self.prompt, prompts, self.note)


class GoingBack(BaseModel):
    number: int = Field(ge=1, le=MOST_NUMBER)
    looked_at: int = Field(ge=1, le=MOST_NUMBER)


class Retiring(BaseModel):
    retired: bool = False


def persona_pages(shell: Shell, versions: PersonaVersions, figures: PersonaFigures) -> APIRouter:
    router = page_router()
    pages = PersonaPages(shell, versions, figures)
    router.add_api_route("/personas/{name}", pages.one, methods=["GET"])
    router.add_api_route("/personas/{name}", pages.change, methods=["POST"])
    router.add_api_route("/personas/{name}/compare", pages.compare, methods=["GET"])
    router.add_api_route("/personas/{name}/back", pages.go_back, methods=["POST"])
    router.add_api_route("/personas/{name}/retire", pages.retire, methods=["POST"])
    return router


class PersonaPages:
    def __init__(self, shell: Shell, versions: PersonaVersions, figures: PersonaFigures) -> None:
        self._shell = shell
        self._versions = versions
        self._figures = figures

    async def one(
        self, request: Request, name: str, _: Annotated[SignedIn, needs("viewer")]
    ) -> Response:
        return await self._page(request, await self._found(request, name))

    async def change(
        self,
        request: Request,
        name: str,
        admin: Annotated[SignedIn, needs("admin")],
        form: Annotated[Form[PersonaForm], form_of(PersonaForm)],
    ) -> Response:
        persona = await self._found(request, name)
        if form.value is None:
            raise Fault(400, "shell.stale_form")
        try:
            await self._versions.change(name, form.value.draft, admin.actor, form.value.looked_at)
        except ChangeRefused as refused:
            return await self._page(request, persona, form.value, refused)
        return RedirectResponse(f"{address_of(name)}?done=changed", 303)

    async def go_back(
        self,
        request: Request,
        name: str,
        admin: Annotated[SignedIn, needs("admin")],
        form: Annotated[Form[GoingBack], form_of(GoingBack)],
    ) -> Response:
        if form.value is None:
            raise Fault(400, "shell.stale_form")
        number, looked_at = form.value.number, form.value.looked_at
        try:
            await self._versions.roll_back(name, number, admin.actor, looked_at)
        except ChangeRefused as refused:
            raise fault(self._shell.words(request), refused) from None
        return RedirectResponse(f"{address_of(name)}?done=back", 303)

    async def retire(
        self,
        request: Request,
        name: str,
        admin: Annotated[SignedIn, needs("admin")],
        form: Annotated[Form[Retiring], form_of(Retiring)],
    ) -> Response:
        retired = form.value is not None and form.value.retired
        try:
            await self._versions.retire(name, admin.actor, retired=retired)
        except ChangeRefused as refused:
            raise fault(self._shell.words(request), refused) from None
        return RedirectResponse(f"{address_of(name)}?done={'retired' if retired else 'back'}", 303)

    async def compare(
        self,
        request: Request,
        name: str,
        _: Annotated[SignedIn, needs("viewer")],
        before: Annotated[int, Query(ge=1, le=MOST_NUMBER)],
        after: Annotated[int, Query(ge=1, le=MOST_NUMBER)],
    ) -> Response:
        persona = await self._found(request, name)
        versions = {one.number: one for one in await self._versions.of(name)}
        if before not in versions or after not in versions:
            raise Fault(404, "shell.not_found")
        one, other = versions[before], versions[after]
        context = {
            **self._named(request, persona),
            "one": one,
            "other": other,
            "prompt": diff(one.prompt, other.prompt),
            "persona_title": diff(one.title, other.title),
            "prompts": diff("\n".join(one.prompts), "\n".join(other.prompts)),
        }
        return self._shell.page(request, "persona_compare.html", context)

    async def _found(self, request: Request, name: str) -> Persona:
        try:
            return await self._versions.one(name)
        except ChangeRefused as refused:
            raise fault(self._shell.words(request), refused) from None

    def _named(self, request: Request, persona: Persona) -> dict[str, Any]:
        title = title_of(self._shell.words(request), persona)
        return {"persona": persona, "shown": title, "address": address_of(persona.name)}

    async def _page(
        self,
        request: Request,
        persona: Persona,
        given: PersonaForm | None = None,
        refused: ChangeRefused | None = None,
    ) -> Response:
        versions = await self._versions.of(persona.name)
        thumbs = await self._figures.thumbs_of(persona.name)
        context = {
            **self._named(request, persona),
            "versions": [(one, thumbs.get(one.number, Thumbs())) for one in versions],
            "thumbs": thumbs.get(persona.version, Thumbs()),
            "places": await self._figures.places(persona.name),
            "most_places": MOST_PLACES,
            "given": given or _form(persona),
            "fault": sentence(self._shell.words(request), refused) if refused else "",
            "done": request.query_params.get("done", ""),
            "version": _holding(versions, persona),
        }
        return self._shell.page(
            request, "persona.html", context, change_status(refused) if refused else 200
        )


def _form(persona: Persona) -> PersonaForm:
    return PersonaForm(
        looked_at=persona.version,
        title=persona.title,
        prompt=persona.prompt,
        prompts="\n".join(persona.prompts),
    )


def _holding(versions: Sequence[PersonaVersion], persona: Persona) -> PersonaVersion | None:
    return next((one for one in versions if one.number == persona.version), None)
