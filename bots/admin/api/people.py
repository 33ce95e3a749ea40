"""People and access for programs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from assistant.incoming.admittance import ENTRY_CHARACTERS, NOTE_CHARACTERS, Admittance
from assistant.insight.doors import Doors
from assistant.insight.people import People
from bots.admin.api.door import actor_of, api_router, scoped
from bots.admin.api.refusals import refused
from bots.api.keys import Access as ApiAccess
from bots.http.failures import Refused

Id = Annotated[int, Path(ge=1, lt=2**63)]
Standing = Literal["pending", "allowed", "blocked"]
Rule = Literal["open", "allowlist", "pairing"]


class Identity(BaseModel):
    """`access`: let in, kept out, or `pending`: then the account's own rule holds. `asks`: waits
    to be let in."""

    id: int
    channel: str
    account: str
    platform_id: str
    name: str
    access: Standing
    asks: bool


class Person(BaseModel):
    """`tokens` and `messages`: this month's (UTC), of answers that have ended."""

    id: int
    name: str
    created_at: datetime
    identities: list[Identity]
    tokens: int
    messages: int


class PeoplePage(BaseModel):
    """`next` is the `before` of the page that follows; null at the end."""

    data: list[Person]
    next: int | None


class WholeIdentity(Identity):
    account_id: int
    created_at: datetime
    last_message_at: datetime | None


class Used(BaseModel):
    day: date
    messages: int
    turns: int
    prompt_tokens: int
    output_tokens: int
    failed: int


class WholePerson(BaseModel):
    """`used`: by days of UTC, the latest first; days without anything are left out."""

    id: int
    name: str
    language: str
    created_at: datetime
    memories: int
    identities: list[WholeIdentity]
    used: list[Used]


class ChosenAccess(BaseModel):
    access: Standing


class Parted(BaseModel):
    person_id: int


class PairingRequest(BaseModel):
    """`id` is the identity's, by which it is let in. `code` is what the person was given."""

    id: int
    person_id: int
    channel: str
    account: str
    platform_id: str
    name: str
    code: str
    created_at: datetime


class PairingRequests(BaseModel):
    data: list[PairingRequest]


class Listed(BaseModel):
    entry: str
    note: str
    added_at: datetime


class AccountDoor(BaseModel):
    """`chosen` goes before `set_to`, which is the settings'. What the settings list is not among
    `listed`, which may be fewer than the `entries` of the list: the latest."""

    id: int
    channel: str
    name: str
    set_to: Rule
    chosen: Rule | None
    blocked: int
    entries: int
    listed: list[Listed]


class AccountDoors(BaseModel):
    data: list[AccountDoor]


class ChosenRule(BaseModel):
    """`access` null: as the settings say."""

    access: Rule | None


class Entry(BaseModel):
    entry: str = Field(min_length=1, max_length=ENTRY_CHARACTERS)
    note: str = Field("", max_length=NOTE_CHARACTERS)


@dataclass(frozen=True, slots=True)
class PeopleApi:
    access: ApiAccess
    people: People
    doors: Doors
    admittance: Admittance

    def router(self) -> APIRouter:
        router = api_router()
        view = [scoped(self.access, "viewer")]
        operate = [scoped(self.access, "operator")]
        manage = [scoped(self.access, "admin")]
        add = router.add_api_route
        add("/people", self.listed, methods=["GET"], dependencies=view)
        add("/people/{person_id}", self.person, methods=["GET"], dependencies=view)
        add("/people/{person_id}/access", self.set_all, methods=["PUT"], dependencies=operate)
        add("/identities/{identity_id}/access", self.set_one, methods=["PUT"], dependencies=operate)
        add("/identities/{identity_id}/part", self.part, methods=["POST"], dependencies=operate)
        add("/pairing-requests", self.requests, methods=["GET"], dependencies=view)
        add("/accounts", self.accounts, methods=["GET"], dependencies=view)
        add("/accounts/{account_id}/access", self.set_rule, methods=["PUT"], dependencies=manage)
        add("/accounts/{account_id}/allowlist", self.enlist, methods=["POST"], dependencies=operate)
        add(
            "/accounts/{account_id}/allowlist",
            self.unlist,
            methods=["DELETE"],
            dependencies=operate,
            status_code=204,
        )
        return router

    async def listed(
        self,
        q: Annotated[str, Query(max_length=200)] = "",
        blocked: bool = False,
        before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
    ) -> PeoplePage:
        """People, the newest first. `q`: a part of a name, a platform's id, or our number."""
        found = await self.people.listed(q.replace("\x00", ""), blocked=blocked, before=before)
        people = [Person.model_validate(asdict(one)) for one in found.people]
        return PeoplePage(data=people, next=found.before)

    async def person(self, person_id: Id) -> WholePerson:
        """Who a person is on which channel, and what they used in the last thirty days."""
        found = await self.people.one(person_id)
        if found is None:
            raise Refused(404, "There is no such person.", code="no_person")
        return WholePerson.model_validate(asdict(found))

    async def set_all(self, request: Request, person_id: Id, chosen: ChosenAccess) -> ChosenAccess:
        """Let in or keep out all that a person is known by. Who is blocked is answered no more;
        what is being answered ends by itself."""
        with refused():
            await self.admittance.stand_all(actor_of(request), person_id, chosen.access)
        return chosen

    async def set_one(
        self, request: Request, identity_id: Id, chosen: ChosenAccess
    ) -> ChosenAccess:
        """Let an identity in, by which a pairing request is confirmed; keep it out; or neither."""
        with refused():
            await self.admittance.stand(actor_of(request), identity_id, chosen.access)
        return chosen

    async def part(self, request: Request, identity_id: Id) -> Parted:
        """Make a person of its own of an identity that is linked with others."""
        with refused():
            return Parted(person_id=await self.admittance.part(actor_of(request), identity_id))

    async def requests(self) -> PairingRequests:
        """Who waits to be let in, the latest first."""
        found = await self.doors.requests()
        return PairingRequests(data=[PairingRequest.model_validate(asdict(one)) for one in found])

    async def accounts(self) -> AccountDoors:
        """Who may talk to which account."""
        found = await self.doors.accounts()
        return AccountDoors(data=[AccountDoor.model_validate(asdict(one)) for one in found])

    async def set_rule(self, request: Request, account_id: Id, chosen: ChosenRule) -> ChosenRule:
        """Who may talk to an account from now on."""
        with refused():
            await self.admittance.choose(actor_of(request), account_id, chosen.access)
        return chosen

    async def enlist(self, request: Request, account_id: Id, entry: Entry) -> Entry:
        """Put a person's, a group's or a workspace's id on an account's list."""
        with refused():
            kept = await self.admittance.enlist(
                actor_of(request), account_id, entry.entry, entry.note
            )
        return Entry(entry=kept, note=entry.note)

    async def unlist(
        self,
        request: Request,
        account_id: Id,
        entry: Annotated[str, Query(min_length=1, max_length=ENTRY_CHARACTERS)],
    ) -> None:
        """Take an id off an account's list."""
        with refused():
            await self.admittance.unlist(actor_of(request), account_id, entry.replace("\x00", ""))
