"""The chats that we are not in, by their ids: where a guest asks, where an inline result went."""

from __future__ import annotations

from assistant.messages import ChatRef
from bots.telegram.payload import Object, text

GUEST = "guest:"
INLINE = "inline:"


def is_elsewhere(chat: ChatRef) -> bool:
    return chat.chat_id.startswith((GUEST, INLINE))


def asked_in(query: Object, account: str) -> ChatRef:
    """The chat of a button that was pressed under a message of ours there."""
    _, _, guest = text(query.get("data")).partition(":")[2].partition(":")
    shown_in = f"{GUEST}{guest}" if guest else f"{INLINE}{text(query.get('inline_message_id'))}"
    return ChatRef("telegram", account, shown_in, "", "group")
