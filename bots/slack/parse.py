"""Events API bodies and block actions to values. Pure; arbitrary JSON never raises.

A mention in a channel comes twice, as `message` and as `app_mention`, with one `ts`: both become
the same message id. What has no such id (commands, notices) is taken from `app_mention` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from assistant.messages import (
    ButtonPressed,
    Command,
    Deleted,
    Edited,
    Ignored,
    Incoming,
    IncomingMessage,
    Notice,
)
from assistant.phrases import Phrase
from bots.slack.identity import BotIdentity, chat_of
from bots.slack.text import mentions, readable, without_mention

STOP_ACTION = "stop"
FILES_NOTICE = Phrase("notice.only_text")

_COMMANDS: dict[str, Literal["help", "new", "stop"]] = {
    "!help": "help",
    "!new": "new",
    "!stop": "stop",
}
# Kinds of `message` that a person wrote; joins, topics, bots' posts and the like are not among them
_WRITTEN = frozenset({"", "thread_broadcast", "file_share", "me_message"})


def parse_event(body: object, bot: BotIdentity, account: str) -> Incoming:
    """An `event_callback` body, as it stands in an HTTP request or in a Socket Mode envelope."""
    outer = _mapping(body)
    event = _mapping(outer.get("event"))
    if event.get("type") not in ("message", "app_mention"):
        return Ignored("unknown_event")
    if not _text(event, "channel"):
        return Ignored("malformed")
    match _text(event, "subtype"):
        case "message_changed":
            return _changed(_text(outer, "event_id"), event, bot, account)
        case "message_deleted":
            return _deleted(event, bot, account)
        case subtype if subtype in _WRITTEN:
            return _written(_text(outer, "event_id"), event, bot, account)
    return Ignored("not_a_persons_message")


def parse_interaction(payload: object, account: str) -> Incoming:
    """A press of our Stop button; every other interaction is ignored."""
    outer = _mapping(payload)
    actions = outer.get("actions")
    if outer.get("type") != "block_actions" or not isinstance(actions, list) or not actions:
        return Ignored("unknown_interaction")
    action, message = _mapping(actions[0]), _mapping(outer.get("message"))
    channel_id = _text(_mapping(outer.get("channel")), "id")
    sender_id = _text(_mapping(outer.get("user")), "id")
    turn = _text(action, "value")
    if action.get("action_id") != STOP_ACTION or not _is_turn_id(turn):
        return Ignored("unknown_interaction")
    if not (channel_id and sender_id and _text(message, "ts")):
        return Ignored("malformed")
    chat = chat_of(account, channel_id, _text(message, "ts"), _text(message, "thread_ts"))
    return ButtonPressed(chat, "stop", int(turn), sender_id, _text(message, "ts"))


@dataclass(frozen=True, slots=True)
class _Written:
    """A message's fields, whichever event they came in."""

    ts: str
    thread_ts: str
    user_id: str
    text: str
    is_bots: bool

    @classmethod
    def of(cls, message: Mapping[str, Any], bot: BotIdentity) -> _Written:
        user_id = _text(message, "user")
        return cls(
            ts=_text(message, "ts"),
            thread_ts=_text(message, "thread_ts"),
            user_id=user_id,
            text=_text(message, "text"),
            is_bots=bool(message.get("bot_id")) or user_id in (bot.user_id, "USLACKBOT"),
        )


def _written(event_id: str, event: Mapping[str, Any], bot: BotIdentity, account: str) -> Incoming:
    message = _Written.of(event, bot)
    if message.is_bots:
        return Ignored("bot")
    if not (event_id and message.ts and message.user_id):
        return Ignored("malformed")
    chat = chat_of(account, _text(event, "channel"), message.ts, message.thread_ts)
    twin = chat.kind == "group" and event.get("type") == "message"
    if twin and not mentions(message.text, bot.user_id):
        return Ignored("not_addressed")
    text = _said(message.text, bot)
    name = _COMMANDS.get(text.lower(), "help" if chat.kind == "group" and not text else None)
    if (name or not text) and twin:
        return Ignored("twin")
    sender = _sender_name(event, message.user_id)
    if not text and event.get("files"):
        return Notice(chat, FILES_NOTICE, message.ts)
    if name:
        return Command(chat, name, message.user_id, sender, message.ts)
    if not text:
        return Ignored("empty")
    return IncomingMessage(chat, event_id, message.ts, message.user_id, sender, text)


def _changed(event_id: str, event: Mapping[str, Any], bot: BotIdentity, account: str) -> Incoming:
    raw = _mapping(event.get("message"))
    before = _Written.of(_mapping(event.get("previous_message")), bot)
    now = _Written.of(raw, bot)
    if not (event_id and now.ts):
        return Ignored("malformed")
    chat = chat_of(account, _text(event, "channel"), now.ts, now.thread_ts)
    if raw.get("subtype") == "tombstone":  # a deleted message that a thread still hangs on
        return Ignored("bot") if before.is_bots else Deleted(chat, now.ts)
    if now.is_bots:
        return Ignored("bot")
    if now.text == before.text:  # a link got its preview
        return Ignored("unchanged")
    text = _said(now.text, bot)
    return Edited(chat, event_id, now.ts, now.user_id, text) if text else Ignored("empty")


def _deleted(event: Mapping[str, Any], bot: BotIdentity, account: str) -> Incoming:
    before = _Written.of(_mapping(event.get("previous_message")), bot)
    ts = _text(event, "deleted_ts") or before.ts
    if before.is_bots:
        return Ignored("bot")
    if not ts:
        return Ignored("malformed")
    chat = chat_of(account, _text(event, "channel"), ts, before.thread_ts)
    return Deleted(chat, ts)


def _said(text: str, bot: BotIdentity) -> str:
    return readable(without_mention(text, bot.user_id)).strip()


def _sender_name(event: Mapping[str, Any], user_id: str) -> str:
    profile = _mapping(event.get("user_profile"))
    return readable(_text(profile, "display_name") or _text(profile, "real_name") or user_id)


def _is_turn_id(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= 18  # fits a bigint


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(mapping: Mapping[str, Any], key: str) -> str:
    value = mapping.get(key)
    return value if isinstance(value, str) else ""
