"""Events API bodies to values. Pure; arbitrary JSON never raises.

A mention in a channel comes twice, as `message` and as `app_mention`, with one `ts`: both become
the same message id. What has no such id (orders, notices) is taken from `app_mention` alone, except
of a file, with which Slack may send but the `message`.

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
from bots.slack.reading.content import Content, content_of, people_shared
from bots.slack.reading.payload import Object, mapping, text
from bots.slack.reading.text import mentioned, mentions, readable, without_mention

OUTSIDER = Phrase("refused.outsider")
NOT_ADDRESSED = Ignored("not_addressed")

# Kinds of `message` that somebody wrote; joins, topics and the like are not among them
WRITTEN = frozenset({"", "thread_broadcast", "file_share", "me_message", "bot_message"})


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

    def said(self, written: str) -> str:
        return readable(without_mention(written, self.bot.user_id), self.names).strip()

    def content(self, message: Object) -> Content:
        return content_of(message, self.said(text(message, "text")), self.names)

    def chat(self, event: Mapping[str, Any], ts: str, thread_ts: str) -> ChatRef:
        return chat_of(self.account, text(event, "channel"), ts, thread_ts)


def parse_event(body: object, reading: Reading) -> Incoming:
    """An `event_callback` body, as it stands in an HTTP request or in a Socket Mode envelope."""
    outer = mapping(body)
    event = mapping(outer.get("event"))
    if event.get("type") not in ("message", "app_mention"):
        return Ignored("unknown_event")
    if not text(event, "channel"):
        return Ignored("malformed")
    match text(event, "subtype"):
        case "message_changed":
            return _changed(text(outer, "event_id"), event, reading)
        case "message_deleted":
            return _deleted(event, reading)
        case subtype if subtype in WRITTEN:
            return _written(text(outer, "event_id"), event, reading)
    return Ignored("not_a_persons_message")


def event_id_of(body: object) -> str:
    return text(mapping(body), "event_id")


def workspace_of(body: object) -> str:
    """The workspace that whoever wrote comes from, where Slack says that it is another."""
    event = mapping(mapping(body).get("event"))
    return text(event, "user_team") or text(mapping(event.get("message")), "user_team")


def people_in(body: object) -> list[str]:
    """The ids of the people whom a message calls, or passes on."""
    message = message_in(body)
    return [*mentioned(text(message, "text")), *people_shared(message)]


def message_in(body: object) -> Object:
    """The message that an event is about, as it reads now."""
    event = mapping(mapping(body).get("event"))
    return mapping(event.get("message")) or event


def with_message(body: object, message: Object) -> Object:
    """The event with this in place of its message."""
    event = mapping(mapping(body).get("event"))
    changed = {**event, "message": message} if mapping(event.get("message")) else message
    return {**mapping(body), "event": changed}


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
        user_id, bot_id = text(message, "user"), text(message, "bot_id")
        return cls(
            ts=text(message, "ts"),
            thread_ts=text(message, "thread_ts"),
            user_id=user_id or bot_id,
            bot_id=bot_id,
            text=text(message, "text"),
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
    if isinstance(asked, IncomingMessage) or (isinstance(asked, Notice) and event.get("files")):
        return asked
    return Ignored("twin") if twin else asked


def _asked(
    event_id: str, event: Mapping[str, Any], message: _Written, chat: ChatRef, reading: Reading
) -> Incoming:
    """What a person says that is for us."""
    sender_id, sender = message.user_id, _sender_name(event, message.user_id, reading)
    if not reading.outsiders and is_outsider(text(event, "user_team"), reading.bot):
        return Notice(chat, OUTSIDER, message.ts, sender_id, sender_name=sender)
    name, argument = order_of(reading.said(message.text))
    if name == "forget":
        return _forget(argument, message, chat, sender)
    if name is not None:
        return Command(chat, name, sender_id, sender, message.ts, argument)
    content = reading.content(event)
    if content.text or content.attachments:
        return IncomingMessage(
            chat,
            event_id,
            message.ts,
            sender_id,
            sender,
            content.text,
            attachments=content.attachments,
        )
    if content.refusal is not None:
        return Notice(chat, content.refusal, message.ts, sender_id, sender_name=sender)
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
    said = reading.said(message.text)
    if chat.kind == "private" or message.user_id == "USLACKBOT" or not said:
        return Ignored("bot")
    if is_outsider(text(event, "user_team"), reading.bot):
        return Ignored("outsider")
    profile = mapping(event.get("bot_profile"))
    name = readable(text(profile, "name") or text(event, "username") or message.user_id)
    return IncomingMessage(chat, event_id, message.ts, message.user_id, name, said, from_bot=True)


def _changed(event_id: str, event: Mapping[str, Any], reading: Reading) -> Incoming:
    raw, was = mapping(event.get("message")), mapping(event.get("previous_message"))
    before = _Written.of(was, reading.bot)
    now = _Written.of(raw, reading.bot)
    if not (event_id and now.ts):
        return Ignored("malformed")
    chat = reading.chat(event, now.ts, now.thread_ts)
    if raw.get("subtype") == "tombstone":  # a deleted message that a thread still hangs on
        return Ignored("bot") if before.is_bots else Deleted(chat, now.ts)
    if now.is_bots:
        return Ignored("bot")
    if not reading.outsiders and is_outsider(text(raw, "user_team"), reading.bot):
        return Ignored("outsider")
    content = reading.content(raw)
    if now.text == before.text and content.text == reading.content(was).text:
        return Ignored("unchanged")  # a link got its preview
    if not content.text:
        return Ignored("empty")
    if order_of(reading.said(now.text))[0] is not None:
        return Ignored("order_by_edit")
    asked = _now_asked(event_id, raw, now, chat, reading)
    return Edited(chat, event_id, now.ts, now.user_id, content.text, asked)


def _now_asked(
    event_id: str, raw: Mapping[str, Any], now: _Written, chat: ChatRef, reading: Reading
) -> IncomingMessage | None:
    """An edit may add the mention that was forgotten."""
    if chat.kind == "private" or not now.calls(reading.bot):
        return None
    asked = _asked(event_id, raw, now, chat, reading)
    return asked if isinstance(asked, IncomingMessage) else None


def _deleted(event: Mapping[str, Any], reading: Reading) -> Incoming:
    before = _Written.of(mapping(event.get("previous_message")), reading.bot)
    ts = text(event, "deleted_ts") or before.ts
    if before.is_ours:
        return Ignored("bot")
    if not ts:
        return Ignored("malformed")
    return Deleted(reading.chat(event, ts, before.thread_ts), ts)


def _sender_name(event: Mapping[str, Any], user_id: str, reading: Reading) -> str:
    profile = mapping(event.get("user_profile"))
    told = text(profile, "display_name") or text(profile, "real_name")
    return reading.names.get(user_id) or readable(told or user_id)
