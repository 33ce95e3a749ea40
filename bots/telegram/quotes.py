"""What a message answers or passes on, put before its text with who said it. Pure.

A part that the person selected is quoted instead of the whole. Our own answers stand in the
conversation already: of one only the beginning is quoted, so that it is clear which is meant, and
nothing where it stands directly before the message.
"""

from __future__ import annotations

from bots.quoting import quoted as as_quote
from bots.quoting import shortened
from bots.telegram.addressing import BotIdentity, answered_message
from bots.telegram.payload import Object, mapping, number, text
from bots.telegram.text.formatting import readable
from bots.telegram.text.utf16 import clean

QUOTE_CHARACTERS = 2000
OWN_CHARACTERS = 200
_NAME_CHARACTERS = 64


def quoted(message: Object, bot: BotIdentity, held: str) -> str:
    """The message that this one answers as a Markdown quote; empty where there is none.

    `held` says in a few words what it holds beside text ("[A photo]"), or is empty.
    """
    answered = answered_message(message)
    selected = clean(text(mapping(message.get("quote")).get("text"))).strip()
    own = number(mapping(answered.get("from")).get("id")) == bot.id
    if own and not selected and _directly_before(answered, message):
        return ""
    outside = mapping(message.get("external_reply"))
    said = selected or " ".join(filter(None, (held, readable(answered, bot))))
    if not said.strip(" …") or not (answered or outside):
        return ""
    name = "You" if own else _writer(answered) or _origin(mapping(outside.get("origin")))
    cut = shortened(said, OWN_CHARACTERS if own and not selected else QUOTE_CHARACTERS)
    return as_quote(name, cut)


def forwarded(message: Object) -> str:
    """The line that says whose words are passed on; empty where they are the sender's own."""
    origin = mapping(message.get("forward_origin"))
    if not origin:
        return ""
    return f"Forwarded from {_origin(origin) or 'somebody'}:"


def _directly_before(answered: Object, message: Object) -> bool:
    earlier, later = number(answered.get("message_id")), number(message.get("message_id"))
    return earlier is not None and later is not None and later == earlier + 1


def _writer(message: Object) -> str:
    behind = mapping(message.get("sender_chat"))
    return _name(behind) or _name(mapping(message.get("from")))


def _origin(origin: Object) -> str:
    """A MessageOrigin: a user, one who hides their account, a chat or a channel."""
    for field in ("sender_user", "sender_chat", "chat"):
        if name := _name(mapping(origin.get(field))):
            signature = _line(text(origin.get("author_signature")))
            return f"{name} ({signature})" if signature else name
    return _line(text(origin.get("sender_user_name")))


def _name(somebody: Object) -> str:
    """Of a user or a chat."""
    names = (text(somebody.get("first_name")), text(somebody.get("last_name")))
    return _line(text(somebody.get("title")) or " ".join(filter(None, names)))


def _line(value: str) -> str:
    return " ".join(clean(value).split())[:_NAME_CHARACTERS]
