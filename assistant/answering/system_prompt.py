"""What the model is told before a conversation: who it is, how it behaves here, and with whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assistant.answering.personas import prompt_of
from assistant.phrases import language_of, sentences
from assistant.settings import AssistantSettings

MEMORIES = "What the person you talk with asked you to remember about them:"


def system_prompt(settings: AssistantSettings, about: Mapping[str, Any]) -> str:
    """`about`: the conversation's `persona`, the `language` that the person chose, and what they
    had us remember (`memories`), which is empty in groups."""
    parts = [settings.system_prompt, prompt_of(settings, about.get("persona") or "")]
    if language := about.get("language"):
        parts.append(f"Answer in {sentences(language_of(language))['language.in_english']}.")
    if memories := about.get("memories"):
        parts.append("\n".join([MEMORIES, *(f"- {one}" for one in memories)]))
    return "\n\n".join(filter(None, parts))
