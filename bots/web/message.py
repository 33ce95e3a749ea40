"""What the page sends, checked: messages, and the few orders that have no button."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant.messages import ChatRef, Command, CommandName, IncomingMessage
from bots.http.failures import Refused

ORDERS: Mapping[str, CommandName] = {
    "/link": "link",
    "/privacy": "privacy",
    "/usage": "usage",
}


class SentMessage(BaseModel):
    """`client_id` is chosen by the page: the same one again is the same message, sent again."""

    model_config = ConfigDict(strict=True, extra="forbid")

    text: str
    client_id: str = Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")


class PrivacyChoice(BaseModel):
    """Empty where the person only asks."""

    model_config = ConfigDict(strict=True, extra="forbid")

    choice: Literal["", "allow", "deny"]


def parse_choice(body: bytes) -> str:
    """Raises Refused."""
    try:
        return PrivacyChoice.model_validate_json(body).choice
    except ValidationError:
        sentence = "Choose whether to allow it or not: 'allow' or 'deny'."
        raise Refused(400, sentence, param="choice") from None


def parse_message(body: bytes, chat: ChatRef, longest: int) -> IncomingMessage:
    """Raises Refused: 400 for what is no message, 413 for one of more than `longest` characters."""
    sent = _parse(body)
    text = sent.text.strip()
    if not text:
        raise Refused(400, "The message is empty.", code="empty", param="text")
    if len(text) > longest:
        raise Refused(
            413,
            f"The message has {len(text):,} characters; at most {longest:,} can be sent.",
            code="too_long",
            param="text",
        )
    if "\0" in text:
        raise Refused(400, "The message contains a NUL character.", code="nul", param="text")
    return IncomingMessage(
        chat=chat,
        event_id=f"{chat.chat_id[:32]}:{sent.client_id}",  # events are unique among all chats
        message_id=sent.client_id,
        sender_id=chat.chat_id,
        sender_name="",
        text=text,
    )


def order_in(message: IncomingMessage) -> Command | None:
    """The order that a message is; None for one that is to be answered."""
    name, _, argument = message.text.partition(" ")
    if name.lower() not in ORDERS or "\n" in message.text:
        return None
    return Command(
        message.chat,
        ORDERS[name.lower()],
        message.sender_id,
        message.sender_name,
        message.message_id,
        argument.strip(),
    )


def _parse(body: bytes) -> SentMessage:
    try:
        body.decode()
    except UnicodeDecodeError:
        raise Refused(400, "The message is not valid UTF-8.", code="not_utf8") from None
    try:
        return SentMessage.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        sentence = f"{field or 'The message'}: {first['msg']}."
        raise Refused(400, sentence, param=field or None) from None
