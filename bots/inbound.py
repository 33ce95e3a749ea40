"""What every channel does with a parsed event: hand it to the assistant, and say what must be said.

When `receive` returns, whatever had to be stored is committed and the platform may be told
"received". When it raises StorageUnavailable, nothing is stored: don't acknowledge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

import structlog

from assistant.channel import Notices
from assistant.errors import ChannelError, MessageRefused, Silenced, StorageUnavailable
from assistant.messages import (
    Answer,
    ButtonPressed,
    ChatRef,
    Command,
    Deleted,
    Edited,
    Ignored,
    Incoming,
    IncomingMessage,
    Moved,
    Notice,
    Presence,
)
from assistant.phrases import Phrase, say
from assistant.service import Assistant

APOLOGY = Phrase("notice.fault")
NO_FILES = Phrase("notice.no_files")
NOT_SENT = Phrase("notice.file_not_sent")
PART_CHARACTERS = 2000  # of one notice: what every channel shows in one message

_FromPerson = IncomingMessage | Command | Edited | ButtonPressed | Notice

_log = structlog.get_logger()


def nothing() -> None:
    """For whoever acknowledges only once everything is said."""


async def receive(
    assistant: Assistant, channel: Notices, item: Incoming, stored: Callable[[], None] = nothing
) -> str:
    """Carry out one event. Returns the word that a pressed button is answered with, mostly none.

    `stored` is called once all is committed that had to be, before anything is said.
    Raises StorageUnavailable: nothing was stored, don't acknowledge.
    """
    try:
        return await _carry_out(assistant, channel, item, stored)
    except Silenced:
        return ""
    except MessageRefused as refusal:
        stored()
        if not isinstance(item, _FromPerson) or _by_bot(item):
            return ""
        told = await _in_their_language(assistant, item, refusal.phrase)
        if isinstance(item, ButtonPressed):
            return told
        await _tell(assistant, channel, item, told)
    return ""


async def _carry_out(
    assistant: Assistant, channel: Notices, item: Incoming, stored: Callable[[], None]
) -> str:
    match item:
        case IncomingMessage():
            await assistant.accept(item)
        case Command():
            answer = await assistant.command(item)
            stored()
            await _answer(assistant, channel, item, answer)
        case Edited():
            await assistant.edit(item)
        case Deleted():
            await assistant.erase(item.chat, item.message_id)
        case ButtonPressed():
            word = await assistant.press(item)
            return await _in_their_language(assistant, item, word) if word else ""
        case Notice():
            stored()
            told = await _in_their_language(assistant, item, item.phrase)
            await _tell(assistant, channel, item, told)
        case Moved():
            await assistant.move(item.chat, item.to_chat_id)
        case Presence():
            await assistant.presence(item)
        case Ignored():
            _log.debug("event_ignored", channel=channel.name, reason=item.reason)
        case _:
            assert_never(item)
    return ""


async def apologise(channel: Notices, item: Incoming) -> None:
    """Tell the person that our own code failed on this event."""
    if isinstance(item, _FromPerson) and not _by_bot(item):
        await _say(channel, item.chat, say(APOLOGY, _told(item)), _answer_to(item))


async def _in_their_language(assistant: Assistant, item: _FromPerson, phrase: Phrase) -> str:
    try:
        return say(phrase, await assistant.language(item.chat, item.sender_id, _told(item)))
    except StorageUnavailable:
        return say(phrase, _told(item))


def _by_bot(item: _FromPerson) -> bool:
    """It would answer what it is told."""
    return isinstance(item, IncomingMessage) and item.from_bot


def _told(item: _FromPerson) -> str:
    """The language that the event itself names."""
    return "" if isinstance(item, Edited) else item.language


def _answer_to(item: Incoming) -> str:
    """The message id that a notice about this event answers; empty where there is none."""
    match item:
        case IncomingMessage() | Command() | Edited():
            return item.message_id
        case Notice():
            return item.reply_to
        case _:
            return ""


async def _answer(assistant: Assistant, channel: Notices, command: Command, answer: Answer) -> None:
    if answer.document is None:
        for part in parts(answer.text):
            await _say(channel, command.chat, part, command.message_id)
        return
    try:
        sent = await channel.say_document(
            command.chat, answer.document, answer.text, reply_to=command.message_id
        )
        missing = None if sent else NO_FILES
    except ChannelError as error:
        _log.warning("file_not_sent", channel=channel.name, code=error.code)
        missing = NOT_SENT
    if missing is not None:
        told = await _in_their_language(assistant, command, missing)
        await _say(channel, command.chat, told, command.message_id)


def parts(text: str) -> list[str]:
    """A long notice in several, cut between lines; a longer line stays whole."""
    cut: list[str] = []
    for line in text.split("\n"):
        if cut and len(cut[-1]) + len(line) < PART_CHARACTERS:
            cut[-1] = f"{cut[-1]}\n{line}"
        else:
            cut.append(line)
    return cut


async def _tell(assistant: Assistant, channel: Notices, item: _FromPerson, told: str) -> None:
    """Say why something isn't taken. Whom that doesn't reach is told the next time."""
    shown = False
    try:
        shown = await _say(channel, item.chat, told, _answer_to(item))
    finally:
        if not shown:
            await assistant.untold(item.chat, item.sender_id)


async def _say(channel: Notices, chat: ChatRef, text: str, reply_to: str = "") -> bool:
    """A notice that can't be shown is logged; what it is about is committed all the same."""
    if not text:
        return True
    try:
        await channel.say(chat, text, reply_to=reply_to)
    except ChannelError as error:
        _log.warning("notice_not_shown", channel=channel.name, chat=chat.chat_id, code=error.code)
        return False
    return True
