"""Reading what people wrote: as far as the settings let admins, and never unnoticed.

Whatever text is given out here was noted in the audit log before: who read it, where, and what was
looked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from assistant.errors import ContentClosed
from assistant.insight.reader import Head, KeptFile, Page, Reader
from assistant.insight.search import Found, Search, Wanted
from assistant.messages import Document, clean
from assistant.orders.export import Export, Form
from assistant.storage.audit import Actor, AuditLog

NOT_ALL_OPEN = (
    "Not all of this conversation may be read: the settings ask for the consent of who wrote it "
    "(content_access is '{rule}'), so it can't be exported."
)


@dataclass(frozen=True, slots=True)
class Reading:
    search: Search
    reader: Reader
    export: Export
    audit: AuditLog

    async def find(self, wanted: Wanted, actor: Actor) -> Found:
        """Raises SearchRefused, ContentClosed, StorageUnavailable."""
        found = await self.search.find(wanted)
        read = [hit.turn_id for hit in found.hits if hit.asked or hit.reply]
        if wanted.text.strip():
            told = {**_given(wanted), "turns": read}
            await self.audit.note(actor, "conversations.searched", "conversations", None, told)
        return found

    async def page(
        self,
        conversation_id: int,
        actor: Actor,
        *,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
    ) -> Page | None:
        """The newest exchanges, or those by a place. None where there is no such conversation."""
        head = await self.reader.head(conversation_id)
        if head is None:
            return None
        if around is not None:
            page = await self.reader.around(head, around)
        elif after is not None:
            page = await self.reader.after(head, after)
        elif before is not None:
            page = await self.reader.before(head, before)
        else:
            page = await self.reader.newest(head)
        read = [one.turn_id for one in page.exchanges if one.readable]
        if read:
            await self._note(head, actor, "read", {"turns": read})
        return page

    async def document(
        self, conversation_id: int, form: Form, actor: Actor, cut: str
    ) -> Document | None:
        """All of it as a file; `cut` stands in it where it had to be. None where nothing is stored.

        Raises ContentClosed where a part of it may not be read.
        """
        head = await self.reader.head(conversation_id)
        if head is None:
            return None
        if not await self.reader.open_throughout(conversation_id):
            raise ContentClosed(NOT_ALL_OPEN.format(rule=self.reader.access.rule))
        document = await self.export.document(head.chat, form, cut)
        if document is not None:
            await self._note(head, actor, "exported", {"form": form})
        return document

    async def file(self, conversation_id: int, file_id: int, actor: Actor) -> KeptFile | None:
        """A file that came with a message. None where it isn't there, or may not be read."""
        file = await self.reader.file(conversation_id, file_id)
        if file is not None:
            target = f"conversation:{conversation_id}"
            told = {"file": file_id}
            await self.audit.note(actor, "conversation.file_read", target, None, told)
        return file

    async def _note(
        self, head: Head, actor: Actor, what: str, told: Mapping[str, Sequence[int] | str]
    ) -> None:
        target = f"conversation:{head.id}"
        await self.audit.note(actor, f"conversation.{what}", target, None, told)


def _given(wanted: Wanted) -> dict[str, object]:
    given = {name: value for name, value in asdict(wanted).items() if name != "before"}
    return {
        name: clean(value) if isinstance(value, str) else value
        for name, value in given.items()
        if value
    }
