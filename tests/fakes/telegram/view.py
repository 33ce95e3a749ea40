"""A chat as its page shows it: plain JSON, in which whatever somebody wrote is only ever a text."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.fakes.telegram.bots import FakeBot
from tests.fakes.telegram.chats import Chat, Fields, Message, date_at
from tests.fakes.telegram.methods.profile import command_scopes
from tests.fakes.telegram.server import Call, FakeTelegram

CALLS_SHOWN = 200
FILES = ("photo", "document", "voice", "audio", "video", "sticker")


def overview(telegram: FakeTelegram, person_id: int) -> Fields:
    """What stands left of a chat: the bots, the people, the chats; and the newest calls."""
    bot = telegram.first_bot
    private = [bot.chats[person_id]] if person_id in bot.chats else []
    return {
        "bot": bot.user,
        "people": list(telegram.people.values()),
        "chats": [_line(one) for one in (*private, *telegram.groups.values())],
        "calls": [_call(one) for one in telegram.calls if _tells_something(one)][-CALLS_SHOWN:],
    }


def conversation(telegram: FakeTelegram, chat_id: int, person: Fields) -> Fields:
    bot, chat = telegram.first_bot, telegram.chat(chat_id)
    return {
        "chat": {**_line(chat), "shut": chat.shut or chat.rights},
        "messages": [
            _message(chat, one) for one in chat.messages.values() if one.deleted_at is None
        ],
        "typing": telegram.is_typing(chat_id),
        "drafts": telegram.drafts(chat_id),
        "commands": _commands(bot, chat, person),
    }


def _line(chat: Chat) -> Fields:
    standing = [one for one in chat.messages.values() if one.deleted_at is None]
    return {
        "id": chat.chat_id,
        "kind": chat.kind,
        "title": chat.about.get("title", ""),
        "topics": [
            {"id": one, "name": name, "closed": one in chat.closed_threads}
            for one, name in chat.topics.items()
        ],
        "is_forum": bool(chat.about.get("is_forum")),
        "moved_to": chat.moved_to,
        "bot_is_there": not (chat.absent or chat.kicked or chat.shut),
        "last": _short(standing[-1]) if standing else "",
    }


def _message(chat: Chat, message: Message) -> Fields:
    version = message.versions[-1]
    answered = chat.messages.get(message.reply_to or 0)
    behind = message.further.get("sender_chat", {})
    return {
        "id": message.message_id,
        "sender_id": message.sender["id"],
        "is_bot": message.sender["is_bot"] and not behind,
        "name": behind.get("title") or _name(message.sender),
        "date": date_at(message.versions[0].at),
        "edits": len(message.versions) - 1,
        "text": version.text,
        "entities": version.marks,
        "lost": len(version.lost),
        "keyboard": message.keyboard,
        "thread_id": message.thread_id,
        "reply": None if answered is None else _reply(answered, message),
        "origin": _origin(message.further.get("forward_origin")),
        "via": message.further.get("via_bot", {}).get("username", ""),
        "guest": bool(message.further.get("guest_query_id")),
        "service": _service(message) if message.is_service else "",
        "content": {} if message.is_service else _content(message.content),
        "reactions": _reactions(message),
        "album": message.further.get("media_group_id", ""),
    }


def _reply(answered: Message, message: Message) -> Fields:
    quote = message.further.get("quote", {}).get("text", "")
    return {
        "id": answered.message_id,
        "name": _name(answered.sender),
        "text": quote or _short(answered),
        "gone": answered.deleted_at is not None,
    }


def _reactions(message: Message) -> list[Fields]:
    everybodys = [message.reactions, *message.peoples_reactions.values()]
    counts = Counter(emoji for chosen in everybodys for emoji in chosen)
    return [{"emoji": emoji, "count": count} for emoji, count in counts.items()]


def _content(content: Fields) -> Fields:
    """The kind, what there is to say of it, and the file, where there is one."""
    for kind in FILES:
        if kind in content:
            file: Any = content[kind][-1] if kind == "photo" else content[kind]
            said = file.get("file_name") or file.get("title") or file.get("emoji") or kind
            seconds = f", {file['duration']} s" if "duration" in file else ""
            note = f"{said}{seconds}, {file.get('file_size', 0):,} bytes"
            return {"kind": kind, "note": note, "file_id": file["file_id"]}
    if "poll" in content:
        poll = content["poll"]
        options = [one["text"] for one in poll["options"]]
        return {"kind": "poll", "note": poll["question"], "options": options}
    if "rich_message" in content:
        rich = content["rich_message"]
        return {"kind": "rich message", "note": rich.get("markdown") or rich.get("html", "")}
    return next(({"kind": kind, "note": _facts(what)} for kind, what in content.items()), {})


def _facts(what: Any) -> str:
    if not isinstance(what, dict):
        return str(what)
    plain = [str(one) for one in what.values() if not isinstance(one, dict | list)]
    return ", ".join(plain)


def _service(message: Message) -> str:
    kind, what = next(iter(message.content.items()))
    words = kind.replace("_", " ")
    name = what.get("name", "") if isinstance(what, dict) else what
    if kind == "new_chat_members":
        name = ", ".join(_name(one) for one in what)
    return f"{words} {name}".strip()


def _origin(origin: Fields | None) -> str:
    if origin is None:
        return ""
    chat = origin.get("sender_chat") or origin.get("chat") or {}
    person = origin.get("sender_user")
    return str(
        chat.get("title")
        or origin.get("sender_user_name")
        or (_name(person) if person else origin["type"])
    )


def _commands(bot: FakeBot, chat: Chat, person: Fields) -> list[Fields]:
    """Those that Telegram would show this person here: the narrowest scope, their language."""
    language = str(person.get("language_code", ""))
    for scope in command_scopes(chat):
        for wanted in (language, ""):
            if found := bot.commands.get((scope, wanted)):
                return found
    return []


def _tells_something(call: Call) -> bool:
    """A poll that went well does not."""
    return call.method.lower() != "getupdates" or bool(call.refusal)


def _call(call: Call) -> Fields:
    said = {name: value for name, value in call.params.items() if not hasattr(value, "data")}
    return {
        "method": call.method,
        "at": round(call.at, 2),
        "params": said,
        "refusal": call.refusal,
        "bot": call.bot,
    }


def _short(message: Message) -> str:
    if message.is_service:
        return _service(message)
    return message.text or str(_content(message.content).get("kind", ""))


def _name(person: Fields) -> str:
    return " ".join(filter(None, (person.get("first_name"), person.get("last_name"))))
