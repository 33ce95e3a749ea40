"""What people and the bot share: kept here, and given out to those who hold a token."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

_TYPES = {
    "text/plain": "text",
    "application/pdf": "pdf",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
}


@dataclass(slots=True)
class SlackFile:
    """`url` is where it is fetched with the bot's token; `sends_to`: its host redirects there."""

    id: str
    name: str
    content: bytes
    mimetype: str
    user: str
    url: str
    mode: str = "hosted"  # snippet, external, …
    title: str = ""
    deleted: bool = False
    sends_to: str = ""
    slow_seconds: float = 0.0
    held: asyncio.Event | None = None  # it is given once this is set
    broken: list[int] = field(default_factory=list)  # the statuses of its next fetches
    access: str = "visible"  # check_file_info: an event names it alone, as by Slack Connect
    more: dict[str, Any] = field(default_factory=dict)  # thumb_1024, original_w, …
    expected_bytes: int = 0
    ready: bool = True

    def payload(self, *, asked: bool = False) -> dict[str, Any]:
        """`asked`: by `files.info`."""
        if self.access != "visible" and not asked:
            return {"id": self.id, "mode": "file_access", "file_access": self.access}
        suffix = PurePath(self.name).suffix.removeprefix(".")
        body: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "title": self.title or self.name,
            "mimetype": self.mimetype,
            "filetype": _TYPES.get(self.mimetype, suffix or "binary"),
            "user": self.user,
            "mode": "tombstone" if self.deleted else self.mode,
            "size": len(self.content),
            "is_external": self.mode == "external",
            "file_access": "visible",
            "url_private": self.url,
            "url_private_download": f"{self.url}?download=1",
        }
        if self.mode == "snippet":
            body |= {"preview": self.content[:200].decode("utf-8", "replace"), "editable": True}
        return body | self.more
