"""Personas for programs: read, changed, rolled back, and set for accounts and chats."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field

from assistant.answering.persona_versions import PersonaDraft, PersonaVersion, PersonaVersions
from assistant.answering.personas import Persona
from assistant.insight.personas import PersonaFigures, Thumbs
from bots.admin.api.door import actor_of, api_router, scoped
from bots.api.keys import Access

MOST_NUMBER = 2**31 - 1
Name = Annotated[str, Path(max_length=32)]


class PersonaDraftBody(BaseModel, extra="forbid"):
    """An empty title and no suggestions: the program's own words, where it has some."""

    title: str = ""
    prompt: str = ""
    prompts: list[str] = Field(default_factory=list, max_length=4)
    note: str = ""

    @property
    def draft(self) -> PersonaDraft:
        return PersonaDraft(self.title, self.prompt, tuple(self.prompts), self.note)


class NewPersonaBody(PersonaDraftBody):
    name: str


class NewVersionBody(PersonaDraftBody):
    """`looked_at`: the version that is changed; refused with 409 where another one holds by now."""

    looked_at: int = Field(ge=1, le=MOST_NUMBER)


class RollbackBody(BaseModel, extra="forbid"):
    number: int = Field(ge=1, le=MOST_NUMBER)
    looked_at: int = Field(ge=1, le=MOST_NUMBER)


class AccountPersonaBody(BaseModel, extra="forbid"):
    """No persona: the default answers."""

    persona: str = ""


class ChatPersonaBody(BaseModel, extra="forbid"):
    """No persona: as the account has it. `everywhere`: also where another one was chosen."""

    chat: str = Field(max_length=500)
    persona: str = ""
    everywhere: bool = False


class PersonaAnswer(BaseModel):
    """The version that holds. `up` and `down` are thumbs on answers of all versions."""

    name: str
    version: int
    title: str
    prompt: str
    prompts: list[str]
    retired: bool
    up: int
    down: int


class VersionAnswer(BaseModel):
    number: int
    title: str
    prompt: str
    prompts: list[str]
    note: str
    made_by: str
    made_at: datetime | None
    up: int
    down: int


class Personas(BaseModel):
    data: list[PersonaAnswer]


class PersonaWithVersions(PersonaAnswer):
    """Its versions, the newest first."""

    versions: list[VersionAnswer]


AccountId = Annotated[int, Path(ge=1, lt=2**63)]


def personas_api(access: Access, versions: PersonaVersions, figures: PersonaFigures) -> APIRouter:
    router = api_router()
    seeing, changing = scoped(access, "viewer"), scoped(access, "admin")

    @router.get("/personas", dependencies=[seeing])
    async def personas() -> Personas:
        """All personas, with what people think of them."""
        thumbs, found = await figures.thumbs(), await versions.personas.all()
        return Personas(
            data=[PersonaAnswer(**_fields(one, thumbs.get(name))) for name, one in found.items()]
        )

    @router.post("/personas", dependencies=[changing], status_code=201)
    async def make_persona(request: Request, body: NewPersonaBody) -> PersonaAnswer:
        """A new persona, which people are offered from now on."""
        made = await versions.make(body.name, body.draft, actor_of(request))
        return PersonaAnswer(**_fields(made))

    @router.get("/personas/{name}", dependencies=[seeing])
    async def persona(name: Name) -> PersonaWithVersions:
        """One persona with all of its versions."""
        found, thumbs = await versions.one(name), await figures.thumbs_of(name)
        together = sum(thumbs.values(), Thumbs())
        return PersonaWithVersions(
            **_fields(found, together),
            versions=[_version(one, thumbs.get(one.number)) for one in await versions.of(name)],
        )

    @router.post("/personas/{name}/versions", dependencies=[changing], status_code=201)
    async def change_persona(request: Request, name: Name, body: NewVersionBody) -> PersonaAnswer:
        """A new version, which holds from the next answer on."""
        changed = await versions.change(name, body.draft, actor_of(request), body.looked_at)
        return PersonaAnswer(**_fields(changed))

    @router.post("/personas/{name}/rollback", dependencies=[changing])
    async def roll_persona_back(request: Request, name: Name, body: RollbackBody) -> PersonaAnswer:
        """Let an earlier version hold again."""
        back = await versions.roll_back(name, body.number, actor_of(request), body.looked_at)
        return PersonaAnswer(**_fields(back))

    @router.post("/personas/{name}/retire", dependencies=[changing])
    async def retire_persona(request: Request, name: Name) -> PersonaAnswer:
        """Offer it no more; where it was chosen, the default answers."""
        return PersonaAnswer(**_fields(await versions.retire(name, actor_of(request))))

    @router.post("/personas/{name}/restore", dependencies=[changing])
    async def restore_persona(request: Request, name: Name) -> PersonaAnswer:
        """Offer a retired one again."""
        restored = await versions.retire(name, actor_of(request), retired=False)
        return PersonaAnswer(**_fields(restored))

    @router.put("/accounts/{account_id}/persona", dependencies=[changing], status_code=204)
    async def set_account_persona(
        request: Request, account_id: AccountId, body: AccountPersonaBody
    ) -> None:
        """Who answers in an account where nothing was chosen."""
        await versions.set_account(account_id, body.persona, actor_of(request))

    @router.put("/accounts/{account_id}/chat-persona", dependencies=[changing], status_code=204)
    async def set_chat_persona(
        request: Request, account_id: AccountId, body: ChatPersonaBody
    ) -> None:
        """Who answers in all conversations of one chat."""
        await versions.set_chat(
            account_id,
            body.chat.replace("\x00", ""),
            body.persona,
            actor_of(request),
            everywhere=body.everywhere,
        )

    return router


def _fields(persona: Persona, thumbs: Thumbs | None = None) -> dict[str, object]:
    given = thumbs or Thumbs()
    return {
        "name": persona.name,
        "version": persona.version,
        "title": persona.title,
        "prompt": persona.prompt,
        "prompts": list(persona.prompts),
        "retired": persona.retired,
        "up": given.up,
        "down": given.down,
    }


def _version(version: PersonaVersion, thumbs: Thumbs | None) -> VersionAnswer:
    given = thumbs or Thumbs()
    return VersionAnswer(
        number=version.number,
        title=version.title,
        prompt=version.prompt,
        prompts=list(version.prompts),
        note=version.note,
        made_by=version.made_by,
        made_at=version.made_at,
        up=given.up,
        down=given.down,
    )
