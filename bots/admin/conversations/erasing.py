"""The pages on which a conversation or a person is erased, and what proves it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

from fastapi import Path, Query, Request
from starlette.responses import RedirectResponse, Response

from assistant.insight.reader import Head
from assistant.orders.erasure_proofs import PAGE, ErasureIncomplete, Proof
from bots.admin.conversations.parts import ConversationParts
from bots.admin.conversations.reading import download
from bots.admin.door import SignedIn, needs
from bots.admin.faults import Fault
from bots.admin.shell import Shell

Id = Annotated[int, Path(ge=1, lt=2**63)]
Admin = Annotated[SignedIn, needs("admin")]


class ErasingPages:
    def __init__(self, shell: Shell, parts: ConversationParts) -> None:
        self._shell = shell
        self._parts = parts

    async def ask(self, request: Request, _: Admin, conversation_id: Id) -> Response:
        """What there is of it, before it is erased."""
        head = await self._head(conversation_id)
        kept = await self._parts.holdings.conversation(conversation_id)
        if kept is None:
            raise Fault(404, "conversations.gone")
        context = {"head": head, "kept": kept}
        return self._shell.page(request, "conversation_erase.html", context)

    async def erase(self, admin: Admin, conversation_id: Id) -> Response:
        head = await self._head(conversation_id)
        with _in_words():
            proof = await self._parts.erase(head, admin.actor)
        return _proved(proof, "conversations.gone")

    async def ask_person(self, request: Request, _: Admin, person_id: Id) -> Response:
        """What there is of them, before it is erased."""
        kept = await self._parts.holdings.person(person_id)
        if kept is None:
            raise Fault(404, "people.gone")
        context = {"person_id": person_id, "kept": kept}
        return self._shell.page(request, "person_erase.html", context)

    async def erase_person(self, admin: Admin, person_id: Id) -> Response:
        with _in_words():
            proof = await self._parts.erase_person(person_id, admin.actor)
        return _proved(proof, "people.gone")

    async def listed(
        self, request: Request, _: Admin, before: Annotated[int, Query(ge=1, le=2**62)] = 2**62
    ) -> Response:
        found = await self._parts.proofs.newest(before, PAGE + 1)
        older = found[PAGE - 1].id if len(found) > PAGE else None
        context = {"proofs": found[:PAGE], "older": older}
        return self._shell.page(request, "erasures.html", context)

    async def proof(self, request: Request, _: Admin, proof_id: Id) -> Response:
        """Looked at again, each time the page is."""
        proof = await self._proof(proof_id)
        context = {"proof": proof, "left": await self._parts.proofs.left(proof)}
        return self._shell.page(request, "erasure.html", context)

    async def file(self, _: Admin, proof_id: Id) -> Response:
        proof = await self._proof(proof_id)
        content = json.dumps(asdict(proof), default=str, indent=1).encode()
        return download(content, f"erasure-{proof_id}.json", "application/json")

    async def _head(self, conversation_id: int) -> Head:
        head = await self._parts.reading.reader.head(conversation_id)
        if head is None:
            raise Fault(404, "conversations.gone")
        return head

    async def _proof(self, proof_id: int) -> Proof:
        proof = await self._parts.proofs.one(proof_id)
        if proof is None:
            raise Fault(404, "conversations.no_proof")
        return proof


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except ErasureIncomplete:
        raise Fault(409, "conversations.not_erased") from None


def _proved(proof: Proof | None, gone: str) -> Response:
    """`gone`: what is said where there was nothing to erase."""
    if proof is None:
        raise Fault(404, gone)
    return RedirectResponse(f"/admin/erasures/{proof.id}", 303)
