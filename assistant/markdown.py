"""Text in Markdown that stays what it is, whatever it holds."""

from __future__ import annotations

import re


def fence_of(content: str, least: int = 3) -> str:
    """Backticks that nothing in `content` ends."""
    longest = max((len(run) for run in re.findall(r"`+", content)), default=0)
    return "`" * max(least, longest + 1)


def fenced(content: str) -> str:
    """A code block of the whole content."""
    fence = fence_of(content)
    return f"{fence}\n{content.removesuffix(chr(10))}\n{fence}"
