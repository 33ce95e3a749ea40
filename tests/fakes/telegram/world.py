"""What stands on the server: bots, people, chats, files; and who is told of what."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tests.fakes.telegram.bots import FakeBot, new_bot
from tests.fakes.telegram.chats import Chat, Fields, Message
from tests.fakes.telegram.flood import FloodControl, Limits
from tests.fakes.telegram.hearing import hears

SUFFIXES = {"photos": ".jpg", "voice": ".oga", "music": ".mp3", "videos": ".mp4"}
FIRST_BOT_ID = 99
FURTHER_BOT_IDS = 5_000_000_000  # no person of a test has such an id


class World:
    """`clock` counts seconds; nothing here reads another one."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        self._limits = limits
        self._changed = asyncio.Event()
        self.latency_seconds = 0.0  # the round trip added to each call
        self.bots_read_bots = False  # since 10.0 a bot may be allowed to
        self.takes_rich_messages = True  # an older server takes none
        self.bots: dict[str, FakeBot] = {}  # by token
        self.groups: dict[int, Chat] = {}
        self.people: dict[int, Fields] = {}
        self.files: dict[str, bytes] = {}  # by file_id
        self.file_paths: dict[str, str] = {}
        self.claimed_sizes: dict[str, int] = {}  # of files that claim another than they have
        self.inline_queries: dict[str, Fields] = {}
        self.inline_messages: dict[str, Message] = {}
        self.guest_messages: dict[str, Message] = {}  # by the guest query's id

    def now(self) -> float:
        """Seconds since the server began."""
        return self._clock() - self._began

    def add_bot(
        self, token: str, username: str, *, can_read_all_group_messages: bool = False
    ) -> FakeBot:
        """One more bot. It is in every group, and has private chats of its own."""
        bot = new_bot(
            token,
            username,
            FloodControl(self._limits, self.now),
            bot_id=FURTHER_BOT_IDS + len(self.bots) if self.bots else FIRST_BOT_ID,
            can_read_all_group_messages=can_read_all_group_messages,
        )
        self.bots[token] = bot
        return bot

    @property
    def first_bot(self) -> FakeBot:
        return next(iter(self.bots.values()))

    def chat(self, chat_id: int, bot: FakeBot | None = None) -> Chat:
        """A private chat with `bot` (the first) for a positive id, else a group; made on demand."""
        if chat_id < 0:
            about = {"type": "supergroup", "title": f"Group {-chat_id}"}
            return self.groups.setdefault(chat_id, Chat(chat_id, about))
        chats = (bot or self.first_bot).chats
        about = {"type": "private", **_named(self.person(chat_id))}
        return chats.setdefault(chat_id, Chat(chat_id, about))

    def known_chat(self, bot: FakeBot, chat_id: int) -> Chat | None:
        return self.groups.get(chat_id) or bot.chats.get(chat_id)

    def person(self, user_id: int, name: str = "", **about: Any) -> Fields:
        """Somebody as a message's `from` shows them. What was said of them once stays."""
        nobody = {"id": user_id, "is_bot": False, "first_name": f"Person {user_id}"}
        known = self.people.setdefault(user_id, nobody)
        known.update(about)
        if name:
            known["first_name"] = name
        return dict(known)

    def deliver(
        self, chat: Chat, message: Message, kind: str = "message", bot: FakeBot | None = None
    ) -> int:
        """Tell the bots that may hear it. Returns the update's id at the first, else 0."""
        told = 0
        for hearer in [bot or self.first_bot] if chat.private else list(self.bots.values()):
            if hearer.bot_id in message.known_to or hears(hearer, chat, message):
                message.known_to.add(hearer.bot_id)
                update_id = hearer.queue.push({kind: chat.payload(message)})
                told = told or update_id
        self.wake()
        return told

    def push(self, update: Fields, bot: FakeBot | None = None) -> int:
        """Queue an update of any kind; returns its id."""
        update_id = (bot or self.first_bot).queue.push(update)
        self.wake()
        return update_id

    def new_file(
        self, data: bytes, folder: str = "documents", *, size: int | None = None, name: str = ""
    ) -> Fields:
        """Keep a file for getFile. `size`: what it claims, where that is not what it has."""
        number = len(self.files) + 1
        file_id = f"file-{number}"
        self.files[file_id] = data
        path = f"{folder}/file_{number}{SUFFIXES.get(folder, '')}"
        self.file_paths[file_id] = f"{folder}/{file_id}-{name}" if name else path
        self.claimed_sizes[file_id] = len(data) if size is None else size
        return {
            "file_id": file_id,
            "file_unique_id": f"unique-{number}",
            "file_size": self.claimed_sizes[file_id],
        }

    def bot_wrote(self, bot: FakeBot, chat: Chat, message: Message) -> None:
        """Other bots are told of it where they may read bots."""
        if self.bots_read_bots and not chat.private:
            self.deliver(chat, message)

    def wake(self) -> None:
        """Let those look who wait for something to happen."""
        self._changed.set()
        self._changed = asyncio.Event()


def _named(person: Fields) -> Fields:
    names = ("first_name", "last_name", "username")
    return {name: person[name] for name in names if name in person}
