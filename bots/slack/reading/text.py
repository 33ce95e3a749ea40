"""What a person typed, out of Slack's wire format.

Slack escapes `&`, `<` and `>` and writes mentions and links as `<…>`.
Source: docs.slack.dev, "Formatting message text".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_TOKEN = re.compile(r"<([^<>]*)>")
_ENTITY = re.compile(r"&(amp|lt|gt);")
_PLAIN = {"amp": "&", "lt": "<", "gt": ">"}
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # Postgres takes neither NUL nor half a character
_PERSON = re.compile(r"<@([A-Z0-9]+)(?:\|[^<>]*)?>")
_NOBODY: Mapping[str, str] = {}


def readable(text: str, names: Mapping[str, str] = _NOBODY) -> str:
    """Slack's text as people read it: mentions and links by name, entities undone once.

    `names`: how people are called, by their ids.
    """
    spelled = _TOKEN.sub(lambda match: _spell(match[1], names), text)
    return storable(_ENTITY.sub(lambda match: _PLAIN[match[1]], spelled))


def storable(text: str) -> str:
    return _UNSTORABLE.sub("\ufffd", text)


def mentioned(text: str) -> list[str]:
    """The ids of the people whom a text of Slack's calls."""
    return _PERSON.findall(text)


def mentions(text: str, user_id: str) -> bool:
    return re.search(_call_of(user_id), text) is not None


def without_mention(text: str, user_id: str) -> str:
    """The text without the calls of this user, and without the blanks that they leave."""
    # Blanks are looked at from the first of a run alone: a long run must not cost its square.
    return re.sub(rf"(?:(?<![ \t])[ \t]+)?{_call_of(user_id)}[ \t]*", " ", text).strip()


def _call_of(user_id: str) -> str:
    return rf"<@{re.escape(user_id)}(?:\|[^<>]*)?>"


def _spell(token: str, names: Mapping[str, str]) -> str:
    target, _, label = token.partition("|")
    if target.startswith("@"):
        return "@" + (names.get(target[1:]) or label or target[1:])
    if target.startswith("#"):
        return "#" + (label or target[1:])
    if target.startswith("!"):
        return label or "@" + target[1:].partition("^")[0]
    return _spell_link(target, label)


def _spell_link(target: str, label: str) -> str:
    bare = target.removeprefix("mailto:")
    if not label or label == bare or bare.endswith("://" + label):
        return bare
    return f"{label} ({bare})"
