"""The fake Slack of a lane."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.fakes.slack import Delivery, FakeSlack, Rates, Schedule, Trouble
from tests.fakes.slack.rates import RateLimiter
from tests.faults.matrix.platform import Ailment, Call, Shown

METHODS: dict[Call, Sequence[str]] = {
    "post": ("chat.startStream", "chat.postMessage"),
    "edit": ("chat.appendStream", "chat.stopStream", "chat.update"),
}
AILMENTS: dict[Ailment, Trouble] = {
    "busy": Trouble("ratelimited", 429, retry_after=1),
    "broken": Trouble(status=500),
    "slow": Trouble(hang_seconds=5.4, then_lose=True),
    "cut": Trouble(status=503),
    "lost": Trouble(then_lose=True),
}
# Slack asks again at once, after a minute and after five; here the minutes are seconds.
SCHEDULE = Schedule(ack_seconds=1.5, retries=(0.0, 1.0, 2.0, 4.0, 8.0, 16.0))


@dataclass(slots=True)
class SlackPlatform:
    fake: FakeSlack
    slow_edit_seconds: float = 1.3
    _chats: itertools.count[int] = field(default_factory=lambda: itertools.count(1001))
    _events: dict[tuple[str, str], Delivery] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return "slack"

    def new_chat(self) -> str:
        return f"DU{next(self._chats)}"

    def ask(self, chat: str, text: str) -> str:
        """All in the thread of the first, which is one conversation."""
        root = next((one for one in self.fake.messages(chat) if not one.bot_id), None)
        thread = root.ts if root else ""
        message = self.fake.dm(chat.removeprefix("D"), text, thread_ts=thread)
        self._events[chat, message.ts] = self.fake.courier.deliveries[-1]
        return message.ts

    def redeliver(self, chat: str, message_id: str) -> None:
        """The same event, and its twin: another event about the same message."""
        body = self._events[chat, message_id].body
        self.fake.courier.deliver("events_api", body)
        self.fake.courier.deliver("events_api", {**body, "event_id": f"{body['event_id']}T"})

    def edit(self, chat: str, message_id: str, text: str) -> None:
        self.fake.edit(self.fake.workspace.channel(chat).messages[message_id], text)

    def delete(self, chat: str, message_id: str) -> None:
        self.fake.delete(self.fake.workspace.channel(chat).messages[message_id])

    def press_stop(self, chat: str) -> bool:
        for message in reversed(self.fake.replies(chat)):
            if message.now.button("stop"):
                self.fake.press(message, chat.removeprefix("D"))
                return True
            if message.stream and message.stream.state(time.time()) == "streaming":
                self.fake.stop_stream(message)  # Slack's own button
                return True
        return False

    def idle(self) -> bool:
        return self.fake.courier.idle

    def acknowledged(self, chat: str, message_id: str) -> bool:
        return self._events[chat, message_id].acknowledged.is_set()

    def shown(self, chat: str) -> Sequence[Shown]:
        return [
            Shown(one.ts, [version.markdown for version in one.versions], one.deleted)
            for one in self.fake.messages(chat)
            if one.bot_id
        ]

    def keep_limits(self, strict: bool) -> None:
        self.fake._limiter = RateLimiter(Rates(enforced=strict), time.monotonic)

    def ail(self, call: Call, ailment: Ailment, times: int) -> None:
        for method in METHODS[call]:
            self.fake.trouble(method, *[AILMENTS[ailment]] * times)

    def heal(self) -> None:
        self.fake._troubles.clear()
