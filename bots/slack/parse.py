"""Events API bodies to values. Pure; arbitrary JSON never raises.

A mention in a channel comes twice, as `message` and as `app_mention`, with one `ts`: both become
the same message id. What has no such id (orders, notices) is taken from `app_mention` alone.

What we wrote ourselves is nothing. Another bot is answered where it mentions us; it gives no
orders, and nothing else of it is heard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from assistant.messages import (
    ChatRef,
    Command,
    Deleted,
    Edited,
    Ignored,
    Incoming,
    IncomingMessage,
    Notice,
)
from assistant.phrases import Phrase
from bots.slack.identity import BotIdentity, chat_of, is_outsider
from bots.slack.orders import linked_message, order_of
from bots.slack.text import mentioned, mentions, readable, without_mention

FILES_NOTICE = Phrase("notice.only_text")
OUTSIDER = Phrase("refused.outsider")
NOT_ADDRESSED = Ignored("not_addressed")

# Kinds of `message` that somebody wrote; joins, topics and the like are not among them
_WRITTEN = frozenset({"", "thread_broadcast", "file_share", "me_message", "bot_message"})


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading an event takes besides it.

    `listening`: it is in a thread that we take part in, so that it needs no mention. `outsiders`:
    people of other workspaces are answered too. `names`: how people are called, by their ids.
    """

    bot: BotIdentity
    account: str
    listening: bool = False
    outsiders: bool = False
    names: Mapping[str, str] = field(default_factory=dict)

    def said(self, text: str) -> str:
        return readable(without_mention(text, self.bot.user_id), self.names).strip()

    def chat(self, event: Mapping[str, Any], ts: str, thread_ts: str) -> ChatRef:
        return chat_of(self.account, _text(event, "channel"), ts, thread_ts)


def parse_event(body: object, reading: Reading) -> Incoming:
    """An `event_callback` body, as it stands in an HTTP request or in a Socket Mode envelope."""
    outer = _mapping(body)
    event = _mapping(outer.get("event"))
    if event.get("type") not in ("message", "app_mention"):
        return Ignored("unknown_event")
    if not _text(event, "channel"):
        return Ignored("malformed")
    match _text(event, "subtype"):
        case "message_changed":
            return _changed(_text(outer, "event_id"), event, reading)
        case "message_deleted":
            return _deleted(event, reading)
        case subtype if subtype in _WRITTEN:
            return _written(_text(outer, "event_id"), event, reading)
    return Ignored("not_a_persons_message")


def event_id_of(body: object) -> str:
    return _text(_mapping(body), "event_id")


def people_in(body: object) -> list[str]:
    """The ids of the people whom a message calls."""
    event = _mapping(_mapping(body).get("event"))
    return mentioned(_text(_mapping(event.get("message")) or event, "text"))


@dataclass(frozen=True, slots=True)
class _Written:
    """A message's fields, whichever event they came in."""

    ts: str
    thread_ts: str
    user_id: str
    bot_id: str
    text: str
    is_ours: bool

    @classmethod
    def of(cls, message: Mapping[str, Any], bot: BotIdentity) -> _Written:
        user_id, bot_id = _text(message, "user"), _text(message, "bot_id")
        return cls(
            ts=_text(message, "ts"),
            thread_ts=_text(message, "thread_ts"),
            user_id=user_id or bot_id,
            bot_id=bot_id,
            text=_text(message, "text"),
            is_ours=user_id == bot.user_id or (bool(bot_id) and bot_id == bot.bot_id),
        )

    @property
    def is_bots(self) -> bool:
        return bool(self.bot_id) or self.is_ours or self.user_id == "USLACKBOT"

    def calls(self, bot: BotIdentity) -> bool:
        return mentions(self.text, bot.user_id)

    def is_heard(self, reading: Reading) -> bool:
        """In a thread that we take part in, what calls somebody else is for them."""
        return reading.listening and bool(self.thread_ts) and not mentioned(self.text)


def _written(event_id: str, event: Mapping[str, Any], reading: Reading) -> Incoming:
    message = _Written.of(event, reading.bot)
    if message.is_ours:
        return Ignored("own_message")
    if not (event_id and message.ts and message.user_id):
        return Ignored("malformed")
    chat = reading.chat(event, message.ts, message.thread_ts)
    called = message.calls(reading.bot)
    if message.is_bots:
        return _of_bot(event_id, event, message, chat, reading) if called else Ignored("bot")
    twin = called and chat.kind == "group" and event.get("type") == "message"
    if chat.kind == "group" and not called and not message.is_heard(reading):
        return NOT_ADDRESSED
    asked = _asked(event_id, event, message, chat, reading)
    if not isinstance(asked, IncomingMessage):
        return Ignored("twin") if twin else asked
    return asked


def _asked(
    event_id: str, event: Mapping[str, Any], message: _Written, chat: ChatRef, reading: Reading
) -> Incoming:
    """What a person says that is for us."""
    sender_id, sender = message.user_id, _sender_name(event, message.user_id, reading)
    if not reading.outsiders and is_outsider(_text(event, "user_team"), reading.bot):
        return Notice(chat, OUTSIDER, message.ts, sender_id, sender_name=sender)
    text = reading.said(message.text)
    name, argument = order_of(text)
    if name == "forget":
        return _forget(argument, message, chat, sender)
    if name is not None:
        return Command(chat, name, sender_id, sender, message.ts, argument)
    if text:
        return IncomingMessage(chat, event_id, message.ts, sender_id, sender, text)
    if event.get("files"):
        return Notice(chat, FILES_NOTICE, message.ts, sender_id, sender_name=sender)
    if chat.kind == "group":
        return Command(chat, "help", sender_id, sender, message.ts)
    return Ignored("empty")


def _forget(argument: str, message: _Written, chat: ChatRef, sender: str) -> Command:
    """Which message is meant is said by a link to it, or by the thread under it."""
    about = linked_message(argument)
    if not (about or argument):
        about = message.thread_ts
    return Command(
        chat, "forget", message.user_id, sender, message.ts, "" if about else argument, about
    )


def _of_bot(
    event_id: str, event: Mapping[str, Any], message: _Written, chat: ChatRef, reading: Reading
) -> Incoming:
    """Another bot asked; how often it is answered is the loop guard's."""
    text = reading.said(message.text)
    if chat.kind == "private" or message.user_id == "USLACKBOT" or not text:
        return Ignored("bot")
    if is_outsider(_text(event, "user_team"), reading.bot):
        return Ignored("outsider")
    profile = _mapping(event.get("bot_profile"))
    name = readable(_text(profile, "name") or _text(event, "username") or message.user_id)
    return IncomingMessage(chat, event_id, message.ts, message.user_id, name, text, from_bot=True)


def _changed(event_id: str, event: Mapping[str, Any], reading: Reading) -> Incoming:
    raw = _mapping(event.get("message"))
    before = _Written.of(_mapping(event.get("previous_message")), reading.bot)
    now = _Written.of(raw, reading.bot)
    if not (event_id and now.ts):
        return Ignored("malformed")
    chat = reading.chat(event, now.ts, now.thread_ts)
    if raw.get("subtype") == "tombstone":  # a deleted message that a thread still hangs on
        return Ignored("bot") if before.is_bots else Deleted(chat, now.ts)
    if now.is_bots:
        return Ignored("bot")
    if now.text == before.text:  # a link got its preview
        return Ignored("unchanged")
    text = reading.said(now.text)
    if not text:
        return Ignored("empty")
    if order_of(text)[0] is not None:
        return Ignored("order_by_edit")
    return Edited(
        chat, event_id, now.ts, now.user_id, text, _now_asked(event_id, raw, now, chat, reading)
    )


def _now_asked(
    event_id: str, raw: Mapping[str, Any], now: _Written, chat: ChatRef, reading: Reading
) -> IncomingMessage | None:
    """An edit may add the mention that was forgotten."""
    if chat.kind == "private" or not now.calls(reading.bot):
        return None
    asked = _asked(event_id, raw, now, chat, reading)
    return asked if isinstance(asked, IncomingMessage) else None


def _deleted(event: Mapping[str, Any], reading: Reading) -> Incoming:
    before = _Written.of(_mapping(event.get("previous_message")), reading.bot)
    ts = _text(event, "deleted_ts") or before.ts
    if before.is_ours:
        return Ignored("bot")
    if not ts:
        return Ignored("malformed")
    return Deleted(reading.chat(event, ts, before.thread_ts), ts)


def _sender_name(event: Mapping[str, Any], user_id: str, reading: Reading) -> str:
    profile = _mapping(event.get("user_profile"))
    told = _text(profile, "display_name") or _text(profile, "real_name")
    return reading.names.get(user_id) or readable(told or user_id)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(mapping: Mapping[str, Any], key: str) -> str:
    value = mapping.get(key)
    return value if isinstance(value, str) else ""
