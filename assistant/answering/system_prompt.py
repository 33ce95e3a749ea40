"""What the model is told before a conversation: who it is, how it behaves here, and with whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assistant.phrases import language_of, sentences

MEMORIES = "What the person you talk with asked you to remember about them:"


def system_prompt(general: str, persona: str, about: Mapping[str, Any]) -> str:
    """`general` holds everywhere, `persona` is what the conversation's one adds. `about`: the
    `language` that the person chose, and what they had us remember (`memories`), which is empty in
    groups."""
    parts = [general, persona]
    if language := about.get("language"):
        parts.append(f"Answer in {sentences(language_of(language))['language.in_english']}.")
    if memories := about.get("memories"):
        parts.append("\n".join([MEMORIES, *(f"- {one}" for one in memories)]))
    return "\n\n".join(filter(None, parts))
