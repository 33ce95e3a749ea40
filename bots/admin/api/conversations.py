"""Conversations for programs: search, read, export, erase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from assistant.errors import ContentClosed, SearchRefused
from assistant.insight.reader import Answer, Exchange, Head, Said
from assistant.insight.search import Hit
from assistant.insight.snippets import Piece
from assistant.orders.erasure_proofs import Proof
from bots.admin.api.door import actor_of, api_router, scoped
from bots.admin.api.refusals import refused
from bots.admin.conversations.asked import Asked, written
from bots.admin.conversations.parts import ConversationParts
from bots.admin.conversations.reading import download
from bots.api.keys import Access
from bots.http.failures import Refused

Id = Annotated[int, Path(ge=1, lt=2**63)]
Place = Annotated[int | None, Query(ge=1, lt=2**62)]
CUT = "Older messages are missing: the file would be too large."


class Excerpt(BaseModel):
    """`marked` is what was looked for."""

    text: str
    marked: bool


class FoundExchange(BaseModel):
    """An exchange that is over. Excerpts are there where words were looked for, and where the
    text may be read at all (`readable`)."""

    turn_id: int
    place: int
    conversation_id: int
    channel: str
    account: str
    kind: Literal["private", "group"]
    person_id: int | None
    person: str
    persona: str
    at: datetime
    state: str
    readable: bool
    asked: list[Excerpt]
    reply: list[Excerpt]
    thumbs_up: int
    thumbs_down: int


class SearchResult(BaseModel):
    """`next` is the `before` of the page that follows; null at the end. `similar`: words that
    count beside one that was typed, where too few had that."""

    data: list[FoundExchange]
    next: str | None
    similar: dict[str, list[str]]


class ReadFile(BaseModel):
    id: int
    kind: Literal["image", "text", "thread"]
    name: str
    media_type: str
    characters: int


class ReadMessage(BaseModel):
    """A message that was taken back is `deleted`, and has no text."""

    role: str
    name: str
    person_id: int | None
    at: datetime
    text: str
    edited_at: datetime | None
    deleted: bool
    files: list[ReadFile]


class ReadAnswer(BaseModel):
    """`text` as it was shown, with what Outrider said at its end."""

    turn_id: int
    state: str
    text: str
    finished_at: datetime | None


class ReadExchange(BaseModel):
    """`replaced`: earlier answers in its place. Without text where it is not `readable`."""

    turn_id: int
    place: int
    readable: bool
    asked_at: datetime
    visible_at: datetime | None
    asked: list[ReadMessage]
    answer: ReadAnswer
    replaced: list[ReadAnswer]
    delivery: str
    error_code: str
    thumbs_up: int
    thumbs_down: int


class ReadConversation(BaseModel):
    """A page of exchanges, oldest first. `before` and `after` are the places that lead to the
    older and the newer ones; null where there are none."""

    id: int
    channel: str
    account: str
    chat_id: str
    thread_id: str
    kind: Literal["private", "group"]
    persona: str
    person_id: int | None
    person: str
    created_at: datetime
    last_message_at: datetime
    data: list[ReadExchange]
    before: int | None
    after: int | None


class ErasureProof(BaseModel):
    """`before` and `after`: by table, how many rows there were. `digest` is the SHA-256 of the
    platform's ids, line by line: channel, account, chat, thread."""

    id: int
    kind: Literal["conversation", "person"]
    target: int
    digest: str
    before: dict[str, int]
    after: dict[str, int]
    erased_by: str
    erased_at: datetime


class ErasureProofs(BaseModel):
    data: list[ErasureProof]
    next: int | None


def conversations_api(access: Access, parts: ConversationParts) -> APIRouter:
    router = api_router()
    reads = [scoped(access, "operator")]
    manages = [scoped(access, "admin")]

    @router.get("/conversations", dependencies=reads)
    async def search_conversations(
        request: Request, asked: Annotated[Asked, Query()]
    ) -> SearchResult:
        """Exchanges that are over, the latest first. Each search for words is in the audit log."""
        try:
            found = await parts.reading.find(asked.wanted(), actor_of(request))
        except SearchRefused as refused:
            raise Refused(400, str(refused), code=refused.code, param="q") from None
        except ContentClosed as closed:
            raise Refused(409, str(closed), code=closed.code, param="q") from None
        return SearchResult(
            data=[_hit(one) for one in found.hits],
            next=written(found.following) or None,
            similar={typed: list(near) for typed, near in found.similar.items()},
        )

    @router.get("/conversations/{conversation_id}", dependencies=reads)
    async def read_conversation(
        request: Request, conversation_id: Id, before: Place = None, after: Place = None
    ) -> ReadConversation:
        """What was said, as the people in it saw it. Each reading is in the audit log."""
        actor = actor_of(request)
        page = await parts.reading.page(conversation_id, actor, before=before, after=after)
        if page is None:
            raise _gone()
        return _conversation(page.head, page.exchanges, page.older, page.newer)

    @router.get("/conversations/{conversation_id}/export", dependencies=reads)
    async def export_conversation(
        request: Request,
        conversation_id: Id,
        form: Annotated[Literal["json", "markdown"], Query()] = "json",
    ) -> Response:
        """All of it as a file."""
        try:
            document = await parts.reading.document(conversation_id, form, actor_of(request), CUT)
        except ContentClosed as closed:
            raise Refused(409, str(closed), code=closed.code) from None
        if document is None:
            raise _gone()
        return download(document.content, document.name, document.media_type)

    @router.delete("/conversations/{conversation_id}", dependencies=manages)
    async def erase_conversation(request: Request, conversation_id: Id) -> ErasureProof:
        """Erase it with all that is kept of it; what comes back proves it."""
        head = await parts.reading.reader.head(conversation_id)
        if head is None:
            raise _gone()
        with refused():
            proof = await parts.erase(head, actor_of(request))
        if proof is None:
            raise _gone()
        return _proof(proof)

    @router.delete("/people/{person_id}", dependencies=manages)
    async def erase_person(request: Request, person_id: Id) -> ErasureProof:
        """Erase a person with all that is kept of them; what comes back proves it."""
        with refused():
            proof = await parts.erase_person(person_id, actor_of(request))
        if proof is None:
            raise Refused(404, "There is no such person.", code="no_person")
        return _proof(proof)

    @router.get("/erasures", dependencies=manages)
    async def erasures(
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        before: Annotated[int, Query(ge=1, le=2**62)] = 2**62,
    ) -> ErasureProofs:
        """Proofs of what was erased, newest first."""
        found = await parts.proofs.newest(before, limit + 1)
        following = found[limit - 1].id if len(found) > limit else None
        return ErasureProofs(data=[_proof(one) for one in found[:limit]], next=following)

    @router.get("/erasures/{proof_id}", dependencies=manages)
    async def erasure(proof_id: Id) -> ErasureProof:
        """One proof."""
        proof = await parts.proofs.one(proof_id)
        if proof is None:
            raise Refused(404, "There is no such proof.", code="not_found")
        return _proof(proof)

    return router


def _gone() -> Refused:
    return Refused(404, "There is no such conversation; it may be erased.", code="not_found")


def _hit(one: Hit) -> FoundExchange:
    return FoundExchange(
        turn_id=one.turn_id,
        place=one.place,
        conversation_id=one.conversation_id,
        channel=one.channel,
        account=one.account,
        kind=one.kind,
        person_id=one.person_id,
        person=one.person,
        persona=one.persona,
        at=one.at,
        state=one.state,
        readable=one.readable,
        asked=_excerpts(one.asked),
        reply=_excerpts(one.reply),
        thumbs_up=one.up,
        thumbs_down=one.down,
    )


def _excerpts(pieces: Sequence[Piece]) -> list[Excerpt]:
    return [Excerpt(text=piece.text, marked=piece.marked) for piece in pieces]


def _conversation(
    head: Head, exchanges: Sequence[Exchange], older: int | None, newer: int | None
) -> ReadConversation:
    return ReadConversation(
        id=head.id,
        channel=head.chat.channel,
        account=head.chat.account,
        chat_id=head.chat.chat_id,
        thread_id=head.chat.thread_id,
        kind=head.chat.kind,
        persona=head.persona,
        person_id=head.person_id,
        person=head.person,
        created_at=head.created_at,
        last_message_at=head.last_message_at,
        data=[_exchange(one) for one in exchanges],
        before=older,
        after=newer,
    )


def _exchange(one: Exchange) -> ReadExchange:
    return ReadExchange(
        turn_id=one.turn_id,
        place=one.place,
        readable=one.readable,
        asked_at=one.asked_at,
        visible_at=one.visible_at,
        asked=[_message(said) for said in one.asked],
        answer=_answer(one.answer),
        replaced=[_answer(answer) for answer in one.replaced],
        delivery=one.delivery,
        error_code=one.error_code,
        thumbs_up=one.up,
        thumbs_down=one.down,
    )


def _message(said: Said) -> ReadMessage:
    files = [
        ReadFile(
            id=file.id,
            kind=file.kind,
            name=file.name,
            media_type=file.media_type,
            characters=file.characters,
        )
        for file in said.files
    ]
    return ReadMessage(
        role=said.role,
        name=said.name,
        person_id=said.person_id,
        at=said.at,
        text=said.text,
        edited_at=said.edited_at,
        deleted=said.deleted,
        files=files,
    )


def _answer(one: Answer) -> ReadAnswer:
    return ReadAnswer(
        turn_id=one.turn_id, state=one.state, text=one.text, finished_at=one.finished_at
    )


def _proof(one: Proof) -> ErasureProof:
    return ErasureProof(
        id=one.id,
        kind=one.kind,
        target=one.target,
        digest=one.digest,
        before=_counts(one.before),
        after=_counts(one.after),
        erased_by=one.erased_by,
        erased_at=one.erased_at,
    )


def _counts(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(counts)
