"""What every channel does with a parsed event: hand it to the assistant, and say what must be said.

When `receive` returns, whatever had to be stored is committed and the platform may be told
"received". When it raises StorageUnavailable, nothing is stored: don't acknowledge.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

import structlog

from assistant.channel import Channel
from assistant.errors import ChannelError, MessageRefused, TurnNotFound
from assistant.messages import (
    ChatRef,
    Command,
    Deleted,
    Edited,
    Ignored,
    Incoming,
    IncomingMessage,
    Notice,
    StopPressed,
)
from assistant.service import Assistant

APOLOGY = "Something went wrong on my side and I could not take this in. Please try again."

_log = structlog.get_logger()


async def receive(assistant: Assistant, channel: Channel, item: Incoming) -> None:
    """Carry out one event. Raises StorageUnavailable: nothing was stored, don't acknowledge."""
    try:
        await _carry_out(assistant, channel, item)
    except MessageRefused as refusal:
        if not isinstance(item, Ignored):
            await _say(channel, item.chat, str(refusal), _answer_to(item))


async def _carry_out(assistant: Assistant, channel: Channel, item: Incoming) -> None:
    match item:
        case IncomingMessage():
            await assistant.accept(item)
        case Command():
            await _say(channel, item.chat, await assistant.command(item), item.message_id)
        case Edited():
            await assistant.edit(item)
        case Deleted():
            await assistant.erase(item.chat, item.message_id)
        case StopPressed():
            await _stop(assistant, item)
        case Notice():
            await _say(channel, item.chat, item.text, item.reply_to)
        case Ignored():
            _log.debug("event_ignored", channel=channel.name, reason=item.reason)
        case _:
            assert_never(item)


async def apologise(channel: Channel, item: Incoming) -> None:
    """Tell the person that our own code failed on this event."""
    if not isinstance(item, Ignored | Deleted):
        await _say(channel, item.chat, APOLOGY, _answer_to(item))


def _answer_to(item: Incoming) -> str:
    """The message id that a notice about this event answers; empty where there is none."""
    match item:
        case IncomingMessage() | Command() | Edited():
            return item.message_id
        case Notice():
            return item.reply_to
        case _:
            return ""


async def _stop(assistant: Assistant, pressed: StopPressed) -> None:
    # Turn ids can be guessed: a button stops only a turn of the chat it was pressed in. Its topic
    # is not looked at: Telegram doesn't name it where the message is gone.
    chat = await assistant.turn_chat(pressed.turn_id)
    if chat is None or replace(chat, thread_id="") != replace(pressed.chat, thread_id=""):
        _log.warning("stop_from_another_chat", turn_id=pressed.turn_id)
        return
    try:
        await assistant.press_stop(pressed.turn_id, chat, pressed.message_id)
    except TurnNotFound:
        _log.info("stop_of_unknown_turn", turn_id=pressed.turn_id)


async def _say(channel: Channel, chat: ChatRef, text: str, reply_to: str = "") -> None:
    """A notice that can't be shown is logged; what it is about is committed all the same."""
    if not text:
        return
    try:
        await channel.say(chat, text, reply_to=reply_to)
    except ChannelError as error:
        _log.warning("notice_not_shown", channel=channel.name, chat=chat.chat_id, code=error.code)
