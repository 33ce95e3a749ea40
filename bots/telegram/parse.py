"""A Telegram Update, as it comes, to a value. Pure; arbitrary JSON never raises.

In a group only what is addressed to us counts: a mention, a reply to one of our messages, or a
command with our name.
"""

from __future__ import annotations

from typing import Literal

from assistant.messages import (
    ButtonPressed,
    ChatRef,
    Command,
    Edited,
    Ignored,
    Incoming,
    IncomingMessage,
    Notice,
)
from assistant.phrases import Phrase
from bots.telegram.addressing import BotIdentity, addressed, command_of, without_mention
from bots.telegram.payload import Object, mapping, number, text
from bots.telegram.utf16 import clean

STOP_DATA = "stop:"
ONLY_TEXT = Phrase("notice.only_text")
EMPTY_QUESTION = Phrase("notice.empty_question")

_COMMANDS: dict[str, Literal["start", "help", "new", "stop"]] = {
    "start": "start",
    "help": "help",
    "new": "new",
    "stop": "stop",
}
# What a person can send that is not text; service messages (joins, pins, …) are not among them.
_OTHER_CONTENT = frozenset(
    {"animation", "audio", "checklist", "contact", "dice", "document", "game", "invoice"}
    | {"live_photo", "location", "paid_media", "photo", "poll", "sticker", "story", "venue"}
    | {"video", "video_note", "voice"}
)


def parse(update: object, *, account: str, bot: BotIdentity) -> Incoming:
    fields = mapping(update)
    if message := mapping(fields.get("message")):
        return _message(message, number(fields.get("update_id")), account, bot)
    if message := mapping(fields.get("edited_message")):
        return _edited(message, number(fields.get("update_id")), account, bot)
    if query := mapping(fields.get("callback_query")):
        return _callback(query, account)
    return Ignored("unknown_kind")


def _message(message: Object, update_id: int | None, account: str, bot: BotIdentity) -> Incoming:
    chat, sender = _chat(message, account), _sender(message)
    message_id = number(message.get("message_id"))
    if chat is None or sender is None or message_id is None or update_id is None:
        return Ignored("malformed_or_not_a_person")
    if chat.kind == "group" and not addressed(message, bot):
        return Ignored("not_addressed")
    if not text(message.get("text")):
        known = _OTHER_CONTENT & message.keys()
        return Notice(chat, ONLY_TEXT, str(message_id)) if known else Ignored("service_message")
    if name := _COMMANDS.get(command_of(message, bot)):
        return Command(chat, name, *sender, message_id=str(message_id))
    question = _question(message, bot)
    if not question:
        return Notice(chat, EMPTY_QUESTION, str(message_id))
    return IncomingMessage(chat, str(update_id), str(message_id), *sender, question)


def _edited(message: Object, update_id: int | None, account: str, bot: BotIdentity) -> Incoming:
    chat, sender = _chat(message, account), _sender(message)
    message_id = number(message.get("message_id"))
    if chat is None or sender is None or message_id is None or update_id is None:
        return Ignored("malformed_or_not_a_person")
    # An edit may drop the mention: whether we know the message is for the assistant to say.
    question = _question(message, bot)
    if not question:
        return Ignored("edited_to_no_text")
    return Edited(chat, str(update_id), str(message_id), sender[0], question)


def _callback(query: Object, account: str) -> Incoming:
    # Of a message that is gone Telegram still names the chat and the id.
    message = mapping(query.get("message"))
    chat, message_id = _chat(message, account), number(message.get("message_id"))
    sender_id = number(mapping(query.get("from")).get("id"))
    turn = text(query.get("data")).removeprefix(STOP_DATA)
    named = turn != text(query.get("data")) and turn.isascii() and turn.isdigit()
    if not named or len(turn) > 18 or chat is None or sender_id is None or message_id is None:
        return Ignored("unknown_button")
    return ButtonPressed(chat, "stop", int(turn), str(sender_id), str(message_id))


def _question(message: Object, bot: BotIdentity) -> str:
    return clean(without_mention(message, bot)).strip()


def _chat(message: Object, account: str) -> ChatRef | None:
    chat = mapping(message.get("chat"))
    chat_id, kind = number(chat.get("id")), chat.get("type")
    if chat_id is None or kind not in ("private", "group", "supergroup"):
        return None
    thread = number(message.get("message_thread_id"))
    # Without is_topic_message the thread is only a chain of replies, not a place of its own.
    topic = str(thread) if thread is not None and message.get("is_topic_message") is True else ""
    return ChatRef(
        "telegram", account, str(chat_id), topic, "private" if kind == "private" else "group"
    )


def _sender(message: Object) -> tuple[str, str] | None:
    """Id and name of the person; None for other bots, so that two bots never talk for ever."""
    chat, behind = mapping(message.get("chat")), mapping(message.get("sender_chat"))
    if behind:  # an anonymous admin writes in the group's own name, all others are channels
        chat_id = number(behind.get("id"))
        if chat_id is None or chat_id != number(chat.get("id")):
            return None
        return str(chat_id), clean(text(behind.get("title")))
    person = mapping(message.get("from"))
    person_id = number(person.get("id"))
    if person_id is None or person.get("is_bot") is not False:
        return None
    names = (text(person.get("first_name")), text(person.get("last_name")))
    return str(person_id), clean(" ".join(filter(None, names)))
