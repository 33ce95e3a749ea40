"""How Slack says no."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class Refused(Exception):
    """An answer with ok=false and this code, and what else Slack puts beside it."""

    def __init__(self, code: str, messages: Sequence[str] = (), **beside: Any) -> None:
        super().__init__(code)
        self.code = code
        self._messages = list(messages)
        self._beside = beside

    @property
    def answer(self) -> Mapping[str, Any]:
        body: dict[str, Any] = {"ok": False, "error": self.code} | self._beside
        if self._messages:
            body |= {"errors": self._messages}
            body |= {"response_metadata": {"messages": [f"[ERROR] {m}" for m in self._messages]}}
        return body
