"""A bot of the server: its token, its updates, what it has registered."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.fakes.telegram.chats import Chat, Fields
from tests.fakes.telegram.flood import FloodControl
from tests.fakes.telegram.updates import UpdateQueue


@dataclass
class FakeBot:
    token: str
    user: Fields  # as getMe shows it
    flood: FloodControl
    queue: UpdateQueue = field(default_factory=UpdateQueue)
    chats: dict[int, Chat] = field(default_factory=dict)  # private ones
    webhook: Fields = field(default_factory=dict)
    # By scope (as JSON) and language code.
    commands: dict[tuple[str, str], list[Fields]] = field(default_factory=dict)
    queries: set[str] = field(default_factory=set)  # pressed buttons that wait for an answer
    answers: dict[str, Fields] = field(default_factory=dict)  # to queries, by their ids
    dropped_pending: int = 0  # how often it asked to throw waiting updates away

    @property
    def bot_id(self) -> int:
        return int(self.user["id"])

    @property
    def username(self) -> str:
        return str(self.user["username"])

    @property
    def sender(self) -> Fields:
        """Itself, as a message's `from` shows it."""
        return {name: self.user[name] for name in ("id", "is_bot", "first_name", "username")}


def new_bot(
    token: str,
    username: str,
    flood: FloodControl,
    *,
    bot_id: int,
    can_read_all_group_messages: bool = False,
) -> FakeBot:
    user = {
        "id": bot_id,
        "is_bot": True,
        "first_name": "Outrider",
        "username": username,
        "can_join_groups": True,
        "can_read_all_group_messages": can_read_all_group_messages,
        "supports_inline_queries": True,
        "supports_guest_queries": True,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }
    return FakeBot(token, user, flood)
