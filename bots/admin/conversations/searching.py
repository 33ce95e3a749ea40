"""The page on which conversations are searched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from assistant.errors import SearchRefused
from assistant.insight.search import Found
from bots.admin.conversations.asked import Asked, written
from bots.admin.conversations.parts import ConversationParts
from bots.admin.door import SignedIn, needs
from bots.admin.form import read_form
from bots.admin.shell import Shell

ADDRESS = "/admin/conversations"


class SearchPage:
    def __init__(self, shell: Shell, parts: ConversationParts) -> None:
        self._shell = shell
        self._reading = parts.reading

    async def page(
        self, request: Request, admin: Annotated[SignedIn, needs("operator")]
    ) -> Response:
        form = read_form(Asked, request.url.query.encode())
        words = self._shell.words(request)
        asked, faults = form.value, form.said(words)
        closed = self._reading.search.access.closed
        found: Found | None = None
        if asked is not None and not (closed and asked.q.strip()):
            try:
                found = await self._reading.find(asked.wanted(), admin.actor)
            except SearchRefused as refused:
                faults["q"] = words(f"conversations.refused.{refused.code}", **refused.values)
        context = {
            "found": found,
            "given": {name: form.given.get(name, "") for name in Asked.model_fields},
            "faults": {name: faults.get(name, "") for name in Asked.model_fields},
            "fault": next(iter(faults.values()), ""),
            "narrowed": asked is not None and asked.narrowed,
            "places": await self._reading.search.places(),
            "rule": self._reading.search.access.rule,
            "older": _further(form.given, found),
        }
        return self._shell.page(request, "conversations.html", context, 400 if faults else 200)


def _further(given: Mapping[str, str], found: Found | None) -> str:
    """The address of the page that follows; empty at the end."""
    if found is None or found.following is None:
        return ""
    kept = {name: value for name, value in given.items() if value and name in Asked.model_fields}
    return f"{ADDRESS}?{urlencode({**kept, 'before': written(found.following)})}"
