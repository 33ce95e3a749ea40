"""The blocks of the home tab. Pure. Everything is plain text: nothing in it is Slack's markup."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assistant.orders.commands import AUTOMATIC
from assistant.orders.overview import Overview
from assistant.orders.usage import Used
from assistant.phrases import LANGUAGES, Phrase, say, sentences
from bots.slack.cut import cut
from bots.slack.orders import as_typed

SECTION_UNITS = 2_900
MEMORIES_UNITS = 4_000  # all together, so that the longest still fit into one tab
OPTION_UNITS = 75
MOST_OPTIONS = 100

Block = dict[str, Any]
Options = Sequence[tuple[str, str]]


def home_view(overview: Overview, direct_id: str, help_: str, about: str) -> dict[str, Any]:
    """`direct_id` is the person's direct messages, which the controls are about."""

    def told(key: str) -> str:
        return say(Phrase(key), overview.language)

    languages = [(code, sentences(code)["language.name"]) for code in LANGUAGES]
    automatic = (AUTOMATIC, told("lang.automatic"))
    blocks = [
        _header(told("home.settings")),
        _choice("home_persona", told("home.persona"), overview.personas, overview.persona),
        _choice(
            "home_lang",
            told("home.language"),
            [automatic, *languages],
            overview.chosen or AUTOMATIC,
        ),
        _header(told("usage.everywhere").rstrip(":")),
        _section("\n".join(_used(overview, name, used) for name, used in
                           (("today", overview.today), ("month", overview.month)))),
        *_memories(overview),
        _header(told("home.orders")),
        _section(as_typed(help_)),
        {"type": "context", "elements": [_plain(cut(about, SECTION_UNITS))]},
    ]  # fmt: skip
    return {"type": "home", "private_metadata": direct_id, "blocks": blocks}


def refused_view(why: str) -> dict[str, Any]:
    """For whom may not talk to us."""
    return {"type": "home", "blocks": [_section(as_typed(why))]}


def _memories(overview: Overview) -> list[Block]:
    language = overview.language
    if not overview.memories:
        return [_section(as_typed(say(Phrase("memory.none"), language)))]
    forget, forget_all = (
        say(Phrase("home.forget"), language),
        say(Phrase("home.forget_all"), language),
    )
    everything = _button(forget_all, "all") | {
        "style": "danger",
        "confirm": {
            "title": _plain(forget_all),
            "text": _plain(say(Phrase("home.sure"), language)),
            "confirm": _plain(forget_all),
            "deny": _plain(say(Phrase("home.keep"), language)),
        },
    }
    most = MEMORIES_UNITS // len(overview.memories)
    listed = [
        _section(f"{one.number}. {cut(one.text, most)}")
        | {"accessory": _button(forget, str(one.number))}
        for one in overview.memories
    ]
    return [
        _section(say(Phrase("memory.list"), language)),
        *listed,
        {"type": "actions", "elements": [everything]},
    ]


def _used(overview: Overview, name: str, used: Used) -> str:
    values = {
        "messages": used.messages,
        "turns": used.turns,
        "prompt_tokens": used.prompt_tokens,
        "output_tokens": used.output_tokens,
    }
    line = say(Phrase("usage.line", values), overview.language)
    return f"{say(Phrase(f'usage.{name}'), overview.language)}: {line}"


def _choice(action_id: str, label: str, options: Options, chosen: str) -> Block:
    shown = {
        value: {"text": _plain(cut(title, OPTION_UNITS)), "value": value}
        for value, title in options[:MOST_OPTIONS]
    }
    select: Block = {
        "type": "static_select",
        "action_id": action_id,
        "options": list(shown.values()),
    }
    if chosen in shown:
        select["initial_option"] = shown[chosen]
    return _section(label) | {"accessory": select}


def _button(label: str, value: str) -> Block:
    return {"type": "button", "action_id": "home_forget", "text": _plain(label), "value": value}


def _header(text: str) -> Block:
    return {"type": "header", "text": _plain(text)}


def _section(text: str) -> Block:
    return {"type": "section", "text": _plain(cut(text, SECTION_UNITS))}


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}
