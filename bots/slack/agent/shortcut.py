"""The shortcut "Ask about this message": what Slack sends of it, and its forms. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from assistant.messages import ChatRef
from assistant.phrases import Phrase, say
from bots.quoting import quoted as as_quote
from bots.slack.cut import cut
from bots.slack.identity import chat_of
from bots.slack.orders import as_typed
from bots.slack.reading.text import readable, storable

CALLBACK = "ask_about_message"  # as the manifest names it
QUESTION, WORDS = "question", "words"
QUESTION_CHARACTERS = 3_000  # the most that Slack's field takes
# A form keeps 3,000 characters for us, in which JSON may write each of ours as two
KEPT_UNITS = 1_200
QUOTE_UNITS = 4_000

Form = dict[str, Any]


@dataclass(frozen=True, slots=True)
class About:
    """The message that is asked about. `whole` is False where only its beginning is kept."""

    channel_id: str
    ts: str
    thread_ts: str
    author_id: str
    author: str  # empty where nothing but the id is known
    text: str
    whole: bool = True

    def chat(self, account: str) -> ChatRef:
        return chat_of(account, self.channel_id, self.ts, self.thread_ts)


@dataclass(frozen=True, slots=True)
class Asking:
    """Somebody chose the shortcut. `trigger_id` opens one form, within three seconds."""

    about: About
    user_id: str
    user_name: str
    workspace: str
    trigger_id: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody sent the form."""

    about: About
    user_id: str
    user_name: str
    workspace: str
    view_id: str
    question: str


def parse_asking(payload: object) -> Asking | None:
    """None for what is another interaction."""
    outer = _mapping(payload)
    if outer.get("type") != "message_action" or outer.get("callback_id") != CALLBACK:
        return None
    message, user = _mapping(outer.get("message")), _mapping(outer.get("user"))
    about = _about(_text(_mapping(outer.get("channel")), "id"), message)
    user_id, trigger_id = _text(user, "id"), _text(outer, "trigger_id")
    if not (about and user_id and trigger_id):
        return None
    name = readable(_text(user, "username") or user_id)
    return Asking(about, user_id, name, _text(user, "team_id"), trigger_id)


def parse_asked(payload: object) -> Asked | None:
    """None for what is no form of ours that was sent."""
    outer = _mapping(payload)
    view, user = _mapping(outer.get("view")), _mapping(outer.get("user"))
    if outer.get("type") != "view_submission" or view.get("callback_id") != CALLBACK:
        return None
    values = _mapping(_mapping(view.get("state")).get("values"))
    question = _text(_mapping(_mapping(values.get(QUESTION)).get(WORDS)), "value")
    about = _kept(_text(view, "private_metadata"))
    user_id, view_id = _text(user, "id"), _text(view, "id")
    if not (about and user_id and view_id):
        return None
    name = readable(_text(user, "username") or user_id)
    asked = storable(question).strip()[:QUESTION_CHARACTERS]
    return Asked(about, user_id, name, _text(user, "team_id"), view_id, asked)


def quoted(about: About, names: Mapping[str, str], bot_id: str) -> str:
    """The message as a quote, with who wrote it."""
    text = cut(readable(about.text, names), QUOTE_UNITS)
    who = "You" if about.author_id == bot_id else names.get(about.author_id) or about.author
    return as_quote(who, text or "[no text]")


def form(about: About, language: str) -> Form:
    def told(key: str) -> dict[str, Any]:
        return _plain(say(Phrase(key), language))

    words = {
        "type": "plain_text_input",
        "action_id": WORDS,
        "multiline": True,
        "max_length": QUESTION_CHARACTERS,
        "initial_value": say(Phrase("ask.default"), language),
        "focus_on_load": True,
    }
    question = {
        "type": "input",
        "block_id": QUESTION,
        "label": told("ask.question"),
        "hint": told("ask.hint"),
        "element": words,
    }
    return _modal(language, [question]) | {
        "private_metadata": json.dumps(asdict(_shortened(about)), ensure_ascii=False),
        "submit": told("ask.send"),
    }


def refused_form(why: Phrase, language: str) -> Form:
    """What is shown in place of the form to whom can't ask here."""
    text = as_typed(say(why, language))
    return _modal(language, [{"type": "section", "text": _plain(text)}])


def _modal(language: str, blocks: list[dict[str, Any]]) -> Form:
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "title": _plain(say(Phrase("ask.title"), language)),
        "close": _plain(say(Phrase("ask.close"), language)),
        "blocks": blocks,
    }


def _about(channel_id: str, message: Mapping[str, Any]) -> About | None:
    ts = _text(message, "ts")
    if not (channel_id and ts):
        return None
    author_id = _text(message, "user") or _text(message, "bot_id")
    author = readable(_text(message, "username"))
    thread_ts = _text(message, "thread_ts")
    return About(channel_id, ts, thread_ts, author_id, author, storable(_text(message, "text")))


def _shortened(about: About) -> About:
    text = cut(about.text, KEPT_UNITS)
    kept = asdict(about) | {"text": text, "whole": text == about.text}
    return About(**kept | {"author": cut(about.author, 80)})


def _kept(metadata: str) -> About | None:
    """What the form kept; it comes back from outside."""
    try:
        kept = _mapping(json.loads(metadata))
    except (ValueError, RecursionError):
        return None
    about = About(
        channel_id=_text(kept, "channel_id"),
        ts=_text(kept, "ts"),
        thread_ts=_text(kept, "thread_ts"),
        author_id=_text(kept, "author_id"),
        author=_text(kept, "author"),
        text=_text(kept, "text"),
        whole=kept.get("whole") is True,
    )
    return about if about.channel_id and about.ts else None


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(mapping: Mapping[str, Any], key: str) -> str:
    value = mapping.get(key)
    return value if isinstance(value, str) else ""
