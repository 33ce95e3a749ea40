"""Where a forwarded message came from: `user_says(7, text, forward_origin=from_hidden("Ada"))`."""

from __future__ import annotations

from tests.fakes.telegram.chats import FIRST_DATE, Fields

DATE = FIRST_DATE - 86_400  # the day before


def from_person(person: Fields) -> Fields:
    return {"type": "user", "date": DATE, "sender_user": person}


def from_hidden(name: str) -> Fields:
    """Somebody whose settings hide who they are."""
    return {"type": "hidden_user", "date": DATE, "sender_user_name": name}


def from_group(chat: Fields, signature: str = "") -> Fields:
    """An anonymous administrator, in the name of the group."""
    origin = {"type": "chat", "date": DATE, "sender_chat": chat}
    return origin | ({"author_signature": signature} if signature else {})


def from_channel(chat: Fields, message_id: int = 1, signature: str = "") -> Fields:
    origin = {"type": "channel", "date": DATE, "chat": chat, "message_id": message_id}
    return origin | ({"author_signature": signature} if signature else {})
