"""How Slack says no."""

from __future__ import annotations


class Refused(Exception):
    """An answer with ok=false and this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
