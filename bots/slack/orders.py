"""Orders as Slack takes them: `!new` in a message, `/outrider new` as a slash command. Pure.

Slack gives a slash command in no thread, so what is written in a thread begins with `!`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_args

from assistant.messages import ChatRef, Command, CommandName, Ignored, Incoming, Notice
from assistant.phrases import Phrase
from bots.slack.reading.text import readable

ORDERS: Mapping[str, CommandName] = {name: name for name in get_args(CommandName)}
# Outside of threads there is no conversation that these could be about.
OF_A_THREAD = frozenset({"new", "stop", "retry", "forget", "export", "quiet"})

_NAME = re.compile(r"[A-Za-z]+(?!\S)")
_LINK = re.compile(r"https?://\S+/archives/[A-Z0-9]+/p(\d{10})(\d{6})\S*")
_SHOWN = re.compile(rf"(?<![\w/:.])/(?=(?:{'|'.join(ORDERS)})\b)(?![\w-]*[/.]\w)")


def order_of(text: str) -> tuple[CommandName | None, str]:
    """The order that a text gives, and what is written behind its name."""
    if not text.startswith("!"):
        return None, ""
    name = _NAME.match(text, 1)
    known = ORDERS.get(name[0].lower()) if name else None
    return (known, text[name.end() :].strip()) if name and known else (None, "")


def linked_message(argument: str) -> str:
    """The id of the message that a link to it names, as Slack's "Copy link" gives it."""
    found = _LINK.fullmatch(argument)
    return f"{found[1]}.{found[2]}" if found else ""


def as_typed(text: str) -> str:
    """A text of Outrider's own with its orders as they are typed here: `!new` for `/new`."""
    return _SHOWN.sub("!", text)


def parse_slash(payload: object, account: str) -> Incoming:
    """A slash command. What is no order of ours asks for help."""
    fields = payload if isinstance(payload, dict) else {}
    channel_id, sender_id = _text(fields, "channel_id"), _text(fields, "user_id")
    if not (channel_id and sender_id and _text(fields, "command")):
        return Ignored("malformed")
    typed = readable(_text(fields, "text")).strip().removeprefix("!").removeprefix("/")
    name, argument = order_of(f"!{typed}")
    private = channel_id.startswith("D")
    chat = ChatRef("slack", account, channel_id, "", "private" if private else "group")
    sender = readable(_text(fields, "user_name") or sender_id)
    if name in OF_A_THREAD:
        return Notice(chat, Phrase("slash.in_thread", {"order": f"!{name}"}), "", sender_id)
    return Command(chat, name or "help", sender_id, sender, argument=argument)


def _text(fields: Mapping[str, Any], key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""
