"""A Telegram Update, as it comes, to a value. Pure; arbitrary JSON never raises.

In a group only what is addressed to us counts (`addressing.py`). What we wrote ourselves, and what
other bots edit, is nothing; another bot gets an answer, but no notice and no order of its is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from assistant.messages import (
    ButtonPressed,
    ChatRef,
    Command,
    Edited,
    Ignored,
    Incoming,
    IncomingMessage,
    Moved,
    Notice,
    Presence,
)
from assistant.phrases import Phrase
from bots.telegram.addressing import (
    BotIdentity,
    addressed,
    answered_message,
    command_of,
    written_by,
)
from bots.telegram.content import album_of, content_of
from bots.telegram.keyboard import pressed
from bots.telegram.payload import Object, mapping, number, text
from bots.telegram.places import GUEST, INLINE, asked_in
from bots.telegram.text.utf16 import clean

EMPTY_QUESTION = Phrase("notice.empty_question")

_NAME_CHARACTERS = 129  # 64 for each name
MENDED_SECONDS = 600
_GENERAL = 1  # the topic that every forum has; in it a message names no thread, and may name none


@dataclass(frozen=True, slots=True)
class _About:
    """What reading an update takes besides it."""

    update_id: str
    account: str
    bot: BotIdentity
    in_album: bool = False  # a part of an album of which another part is addressed


@dataclass(frozen=True, slots=True)
class _Sender:
    id: str
    name: str
    language: str = ""
    is_bot: bool = False


def parse(update: object, *, account: str, bot: BotIdentity, in_album: bool = False) -> Incoming:
    """`in_album`: it is a part of an album of which another part is addressed to us."""
    fields = mapping(update)
    update_id = number(fields.get("update_id"))
    for kind, read in KINDS.items():
        if (body := mapping(fields.get(kind))) and update_id is not None:
            return read(body, _About(str(update_id), account, bot, in_album))
    return Ignored("unknown_kind")


def _message(message: Object, about: _About) -> Incoming:
    if written_by(message, about.bot):
        return Ignored("own_message")
    chat, sender = _chat(message, about.account), _sender(message)
    message_id = number(message.get("message_id"))
    if chat is None or message_id is None:
        return Ignored("malformed")
    if moved := _moved(message, chat):
        return moved
    if sender is None:
        return Ignored("malformed")
    if chat.kind == "group" and not (about.in_album or addressed(message, about.bot)):
        return Ignored("not_addressed")
    return _asked(message, str(message_id), chat, sender, about)


def _asked(
    message: Object, message_id: str, chat: ChatRef, sender: _Sender, about: _About
) -> Incoming:
    """What a message says that is for us."""
    if not sender.is_bot and (order := _order(message, message_id, chat, sender, about)):
        return order
    content = content_of(message, about.bot)
    if not (content.text or content.attachments):
        if content.refusal is None and not _says_something(message):
            return Ignored("service_message")
        phrase = content.refusal or EMPTY_QUESTION
        notice = Notice(chat, phrase, message_id, sender.id, sender.language, sender.name)
        return Ignored("nothing_from_a_bot") if sender.is_bot else notice
    return IncomingMessage(
        chat=chat,
        event_id=about.update_id,
        message_id=message_id,
        sender_id=sender.id,
        sender_name=sender.name,
        text=content.text,
        language=sender.language,
        from_bot=sender.is_bot,
        attachments=content.attachments,
        album=album_of(message),
    )


def _order(
    message: Object, message_id: str, chat: ChatRef, sender: _Sender, about: _About
) -> Command | None:
    name, argument = command_of(message, about.bot)
    if name is None:
        return None
    answered = number(answered_message(message).get("message_id"))
    return Command(
        chat,
        name,
        sender.id,
        sender.name,
        message_id,
        argument=clean(argument),
        about="" if answered is None else str(answered),
        language=sender.language,
    )


def _edited(message: Object, about: _About) -> Incoming:
    chat, sender = _chat(message, about.account), _sender(message)
    message_id = number(message.get("message_id"))
    if chat is None or sender is None or message_id is None:
        return Ignored("malformed")
    if sender.is_bot or written_by(message, about.bot):
        return Ignored("edited_by_a_bot")  # as many do while they write
    if message.get("location"):  # nobody edits one: it goes on by itself, for hours
        return Ignored("moving_place")
    # An edit may drop the mention, or add it: whether we know the message is for the assistant to
    # say.
    asked: Incoming | None = None
    if chat.kind == "private" or addressed(message, about.bot):
        asked = _asked(message, str(message_id), chat, sender, about)
    if isinstance(asked, Command):
        return asked if _just_written(message) else Ignored("old_order")
    content = content_of(message, about.bot)
    if not content.text:
        return Ignored("edited_to_no_text")
    edited = Edited(chat, about.update_id, str(message_id), sender.id, content.text)
    return replace(edited, asked=asked) if isinstance(asked, IncomingMessage) else edited


def _just_written(message: Object) -> bool:
    """Whether a person still mends what they wrote. Telegram also speaks of a message anew where
    something changed that bots don't see, however old it is."""
    written, edited = number(message.get("date")), number(message.get("edit_date"))
    return written is not None and edited is not None and edited - written <= MENDED_SECONDS


def _guest(message: Object, about: _About) -> Incoming:
    """Asked in a chat that we are not in, whose ids say nothing to us."""
    query_id, sender = text(message.get("guest_query_id")), _sender(message)
    message_id = number(message.get("message_id"))
    if not query_id or sender is None or message_id is None or written_by(message, about.bot):
        return Ignored("malformed")
    chat = ChatRef("telegram", about.account, f"{GUEST}{query_id}", "", "group")
    return _asked(message, str(message_id), chat, sender, about)


def _chosen(chosen: Object, about: _About) -> Incoming:
    """An inline result of ours that became a message, which is to hold the answer."""
    inline_id, sender = text(chosen.get("inline_message_id")), _sender(chosen)
    question = clean(text(chosen.get("query"))).strip()
    if not inline_id or sender is None or not question:
        return Ignored("malformed")
    return IncomingMessage(
        ChatRef("telegram", about.account, f"{INLINE}{inline_id}", "", "group"),
        about.update_id,
        inline_id,
        sender.id,
        sender.name,
        question,
        language=sender.language,
        from_bot=sender.is_bot,
    )


def _callback(query: Object, about: _About) -> Incoming:
    if text(query.get("inline_message_id")):
        return _pressed_elsewhere(query, about)
    # Of a message that is gone Telegram still names the chat and the id.
    message = mapping(query.get("message"))
    chat, message_id = _chat(message, about.account), number(message.get("message_id"))
    presser = _sender(query)
    asked = pressed(text(query.get("data")))
    if asked is None or chat is None or presser is None or message_id is None:
        return Ignored("unknown_button")
    return ButtonPressed(
        chat,
        *asked,
        presser.id,
        str(message_id),
        event_id=about.update_id,
        sender_name=presser.name,
        language=presser.language,
    )


def _pressed_elsewhere(query: Object, about: _About) -> Incoming:
    presser, data = _sender(query), text(query.get("data"))
    asked = pressed(":".join(data.split(":")[:2]))
    if asked is None or presser is None:
        return Ignored("unknown_button")
    return ButtonPressed(
        asked_in(query, about.account),
        *asked,
        presser.id,
        text(query.get("inline_message_id")),
        event_id=about.update_id,
        sender_name=presser.name,
        language=presser.language,
    )


def _presence(change: Object, about: _About) -> Incoming:
    chat, sender = _chat(change, about.account), _sender(change)
    member = mapping(change.get("new_chat_member"))
    status = text(member.get("status"))
    if chat is None or sender is None or status not in _STATUSES:
        return Ignored("malformed")
    present = member.get("is_member") is True if status == "restricted" else _STATUSES[status]
    return Presence(chat, present, sender.id)


_STATUSES: Mapping[str, bool] = {
    "creator": True,
    "administrator": True,
    "member": True,
    "restricted": True,
    "left": False,
    "kicked": False,
}
KINDS: Mapping[str, Callable[[Object, _About], Incoming]] = {
    "message": _message,
    "edited_message": _edited,
    "callback_query": _callback,
    "my_chat_member": _presence,
    "chosen_inline_result": _chosen,
    "guest_message": _guest,
}
"""What is understood, by the names of Telegram."""
OF_INLINE_MODE = ("inline_query", "chosen_inline_result")
OF_GUEST_MODE = ("guest_message",)


def kinds_of(*, inline: bool, guest: bool) -> tuple[str, ...]:
    """What an account asks Telegram for; nothing else is."""
    optional = {*OF_INLINE_MODE, *OF_GUEST_MODE}
    always = [kind for kind in KINDS if kind not in optional]
    of_inline = OF_INLINE_MODE if inline else ()
    return (*always, *of_inline, *(OF_GUEST_MODE if guest else ()))


def _says_something(message: Object) -> bool:
    return bool(text(message.get("text")) or text(message.get("caption")))


def _moved(message: Object, chat: ChatRef) -> Moved | None:
    """A group that became a supergroup says so twice: in the old chat, and in the new."""
    here = number(message.get("migrate_to_chat_id"))
    there = number(message.get("migrate_from_chat_id"))
    if here is not None:
        return Moved(chat, str(here))
    return None if there is None else Moved(replace(chat, chat_id=str(there)), chat.chat_id)


def _chat(message: Object, account: str) -> ChatRef | None:
    chat = mapping(message.get("chat"))
    chat_id, kind = number(chat.get("id")), chat.get("type")
    if chat_id is None or kind not in ("private", "group", "supergroup"):
        return None
    thread = number(message.get("message_thread_id"))
    # Without is_topic_message the thread is only a chain of replies, not a place of its own.
    placed = message.get("is_topic_message") is True and thread not in (None, _GENERAL)
    topic = str(thread) if placed else ""
    return ChatRef(
        "telegram", account, str(chat_id), topic, "private" if kind == "private" else "group"
    )


def _sender(message: Object) -> _Sender | None:
    """Who wrote: a person, another bot, or a chat in whose name somebody writes (an anonymous
    admin in the group's, others in their channel's; what a channel forwards into its group)."""
    if behind := mapping(message.get("sender_chat")):
        chat_id = number(behind.get("id"))
        return None if chat_id is None else _Sender(str(chat_id), _name(behind, "title"))
    person = mapping(message.get("from"))
    person_id, is_bot = number(person.get("id")), person.get("is_bot")
    if person_id is None or not isinstance(is_bot, bool):
        return None
    name = _name(person, "first_name", "last_name")
    return _Sender(str(person_id), name, clean(text(person.get("language_code"))), is_bot)


def _name(somebody: Object, *fields: str) -> str:
    """In one line: in a group the prompt has it before what they say."""
    whole = " ".join(text(somebody.get(one)) for one in fields)
    return " ".join(clean(whole).split())[:_NAME_CHARACTERS]
