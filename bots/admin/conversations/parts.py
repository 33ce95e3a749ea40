"""What the pages of conversations are built of."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.conversations import ConversationService
from assistant.incoming.control import Control
from assistant.insight.content_access import ContentAccess
from assistant.insight.reader import Head, Reader
from assistant.insight.reading import Reading
from assistant.insight.search import Search
from assistant.orders.erasure_proofs import ErasureProofs, Proof
from assistant.orders.holdings import Holdings
from assistant.storage.audit import Actor, AuditLog


@dataclass(frozen=True, slots=True)
class ConversationParts:
    reading: Reading
    proofs: ErasureProofs
    holdings: Holdings
    control: Control

    async def erase(self, head: Head, actor: Actor) -> Proof | None:
        """What runs in it ends first: what is erased half shown would stay so there."""
        if head.chat.kind == "private":
            await self.control.end_all(head.chat)
        else:
            await self.control.stop_chat(head.chat, None)
        return await self.proofs.conversation(head.id, actor)

    async def erase_person(self, person_id: int, actor: Actor) -> Proof | None:
        """As `erase`; None where there is no such person."""
        await self.control.end_all_of(person_id)
        return await self.proofs.person(person_id, actor)


def conversation_parts(service: ConversationService) -> ConversationParts:
    database, access = service.database, ContentAccess(service.settings)
    reading = Reading(
        search=Search(database, access),
        reader=Reader(database, access),
        export=service.commands.export,
        audit=AuditLog(database),
    )
    proofs = ErasureProofs(database, service.commands.erasure)
    return ConversationParts(reading, proofs, Holdings(database), service.control)
