"""The page on which a conversation is read, and its files."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path, Query, Request
from starlette.responses import Response

from assistant.errors import ContentClosed
from assistant.insight.reader import Page
from bots.admin.conversations.parts import ConversationParts
from bots.admin.door import SignedIn, needs
from bots.admin.faults import Fault
from bots.admin.shell import Shell
from bots.web.markdown import MarkdownPage

Id = Annotated[int, Path(ge=1, lt=2**63)]
Place = Annotated[int | None, Query(ge=1, lt=2**62)]
Operator = Annotated[SignedIn, needs("operator")]

LONGEST = 20_000  # characters of a text that are shown
# A browser shows these as pictures and runs nothing of them.
PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


class ReadingPages:
    def __init__(self, shell: Shell, parts: ConversationParts) -> None:
        self._shell = shell
        self._reading = parts.reading
        self._markdown = MarkdownPage()

    async def page(
        self,
        request: Request,
        admin: Operator,
        conversation_id: Id,
        before: Place = None,
        after: Place = None,
        at: Place = None,
    ) -> Response:
        page = await self._reading.page(
            conversation_id, admin.actor, before=before, after=after, around=at
        )
        if page is None:
            raise Fault(404, "conversations.gone")
        context = {
            "head": page.head,
            "exchanges": page.exchanges,
            "older": page.older,
            "newer": page.newer,
            "at": at,
            "rule": self._reading.search.access.rule,
            "closed": _closed(page),
            "markdown": self._markdown.html,
            "pictures": PICTURES,
            "longest": LONGEST,
        }
        return self._shell.page(request, "conversation.html", context)

    async def export(
        self,
        request: Request,
        admin: Operator,
        conversation_id: Id,
        form: Annotated[Literal["json", "markdown"], Query()] = "json",
    ) -> Response:
        cut = self._shell.words(request)("conversations.cut")
        try:
            document = await self._reading.document(conversation_id, form, admin.actor, cut)
        except ContentClosed:
            raise Fault(409, "conversations.not_all_open") from None
        if document is None:
            raise Fault(404, "conversations.gone")
        name = document.name.replace("conversation", f"conversation-{conversation_id}")
        return download(document.content, name, document.media_type)

    async def file(self, admin: Operator, conversation_id: Id, file_id: Id) -> Response:
        file = await self._reading.file(conversation_id, file_id, admin.actor)
        if file is None:
            raise Fault(404, "conversations.no_file")
        if file.media_type in PICTURES:
            headers = {"cache-control": "no-store", "content-disposition": "inline"}
            return Response(file.content, media_type=file.media_type, headers=headers)
        return download(file.content, f"file-{file_id}", "application/octet-stream")


def download(content: bytes, name: str, media_type: str) -> Response:
    """A file for keeping. `name` is ours: what people name their files is no header."""
    headers = {
        "cache-control": "no-store",
        "content-disposition": f'attachment; filename="{name}"',
    }
    return Response(content, media_type=media_type, headers=headers)


def _closed(page: Page) -> bool:
    return any(not one.readable for one in page.exchanges)
