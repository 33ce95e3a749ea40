"""The fake Telegram of a lane."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.telegram import Failure, FakeTelegram, Limits
from tests.faults.matrix.platform import Ailment, Call, Shown

METHODS: dict[Call, str] = {"post": "sendMessage", "edit": "editMessageText"}
AILMENTS: dict[Ailment, Failure] = {
    "busy": Failure(429, "Too Many Requests: retry after 1", retry_after=1),
    "broken": Failure(500),
    "slow": Failure(500, effect=True, hang_seconds=5.4),
    "cut": Failure(drop=True),
    "lost": Failure(drop=True, effect=True),
}


@dataclass(slots=True)
class TelegramPlatform:
    fake: FakeTelegram
    slow_edit_seconds: float = 1.1
    _chats: itertools.count[int] = field(default_factory=lambda: itertools.count(1001))
    _updates: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return "telegram"

    def new_chat(self) -> str:
        return str(next(self._chats))

    def ask(self, chat: str, text: str) -> str:
        message = self.fake.user_says(int(chat), text)
        self._updates[chat, str(message.message_id)] = self.fake.queue.pending[-1]
        return str(message.message_id)

    def redeliver(self, chat: str, message_id: str) -> None:
        """To a poll that waits, with the same update id; and as an update of its own."""
        update = self._updates[chat, message_id]
        self.fake.queue.pending.append(update)
        self.fake.push({"message": update["message"]})

    def edit(self, chat: str, message_id: str, text: str) -> None:
        self.fake.user_edits(self.fake.chat(int(chat)).messages[int(message_id)], text)

    def delete(self, chat: str, message_id: str) -> None:
        self.fake.user_deletes(self.fake.chat(int(chat)).messages[int(message_id)])

    def press_stop(self, chat: str) -> bool:
        for message in reversed(self.fake.messages(int(chat))):
            for data in message.buttons:
                if data.startswith("stop:"):
                    self.fake.user_presses(message, data)
                    return True
        return False

    def idle(self) -> bool:
        return not self.fake.queue.pending

    def acknowledged(self, chat: str, message_id: str) -> bool:
        return self._updates[chat, message_id] not in self.fake.queue.pending

    def shown(self, chat: str) -> Sequence[Shown]:
        stored = self.fake.chat(int(chat)).messages.values()
        return [
            Shown(
                str(one.message_id),
                [version.text for version in one.versions],
                one.deleted_at is not None,
            )
            for one in stored
            if one.from_bot
        ]

    def keep_limits(self, strict: bool) -> None:
        self.fake.flood.limits = Limits() if strict else Limits.none()

    def ail(self, call: Call, ailment: Ailment, times: int) -> None:
        self.fake.fail_next(METHODS[call], AILMENTS[ailment], times)

    def heal(self) -> None:
        self.fake._failures.clear()
