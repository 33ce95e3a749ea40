"""Where a walk is played: the whole program, a fake platform, and what was said, written down."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram.chats import Message
from tests.support.program import Program

LONGEST = 700  # characters that are written down of one message
SECONDS = 240.0  # for the model's answers, on a slow machine


@dataclass(slots=True, kw_only=True)
class Stage:
    """The program of the moment, and the lines of the transcript."""

    outrider: Program
    lines: list[str]

    def scene(self, title: str, about: str = "") -> None:
        self.lines += [f"## {title}", ""]
        if about:
            self.lines += [about, ""]

    def tell(self, what: str) -> None:
        """What happens beside the words."""
        self.lines += [f"*{what}*", ""]

    def line(self, who: str, text: str, below: str = "") -> None:
        if len(text) > LONGEST:
            text = f"{text[:LONGEST].rstrip()} [… {len(text):,} characters in all]"
        quoted = "\n".join(f"> {line}".rstrip() for line in text.split("\n"))
        self.lines += [f"**{who}**{below}", "", quoted, ""]

    def command(self, *words: str) -> str:
        """`outrider …`, as the admin; written down with what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "bots.cli", *words],
            cwd=self.outrider.folder,
            env=self.outrider.environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        self.lines += [
            "```console",
            f"$ outrider {' '.join(words)}",
            done.stdout.strip(),
            "```",
            "",
        ]
        return done.stdout

    async def killed(self) -> None:
        """`kill -9`, and started again."""
        self.outrider.process.kill()
        await asyncio.to_thread(self.outrider.process.wait)
        self.outrider.start()


@dataclass(slots=True, kw_only=True)
class TelegramStage(Stage):
    telegram: FakeTelegram
    _names: dict[int, str] = field(default_factory=dict)
    _asked: dict[int, int] = field(default_factory=dict)  # the last message written in a chat

    def name(self, person_id: int, name: str, language: str = "en") -> None:
        self._names[person_id] = name
        self.telegram.person(person_id, name, language_code=language)

    def says(self, chat: int, text: str, **how: Any) -> Message:
        """A person writes; the name is the sender's."""
        self.said(how.get("sender_id") or abs(chat), text)
        message = self.telegram.user_says(chat, text, **how)
        self._asked[chat] = message.message_id
        return message

    def sends(self, chat: int, what: str, message: Message) -> None:
        """What a person has sent that isn't a text."""
        self.tell(f"{self._names[abs(chat)]} sends {what}.")
        self._asked[chat] = message.message_id

    def said(self, person_id: int, text: str) -> None:
        self.line(self._names[person_id], text)

    async def reply(self, chat: int, *, edits: bool = False) -> Message:
        """Wait for what Outrider says after what was last written there, and write it down."""
        beyond = self._asked[chat]
        await self.telegram.until(lambda: self._over(chat, beyond), SECONDS)
        message = self._over(chat, beyond)
        assert message is not None
        self.shown(message, edits=edits)
        return message

    async def growing(self, chat: int, *, characters: int) -> Message:
        """The reply to what was last written there, once so much of it stands there."""
        beyond = self._asked[chat]

        def found() -> Message | None:
            return next(
                (
                    one
                    for one in self.telegram.messages(chat)
                    if one.message_id > beyond and len(one.text) > characters
                ),
                None,
            )

        await self.telegram.until(found, SECONDS)
        reply = found()
        assert reply is not None
        return reply

    def press(self, message: Message, action: str) -> None:
        data = next(one for one in message.buttons if one.startswith(f"{action}:"))
        self.telegram.user_presses(message, data)

    async def has(self, message: Message, action: str) -> None:
        """Wait until there is this button under it."""
        await self.telegram.until(
            lambda: any(one.startswith(f"{action}:") for one in message.buttons), SECONDS
        )

    async def anew(self, chat: int) -> None:
        """/new, which is not written down."""
        asked = self.telegram.user_says(chat, "/new")
        await self.telegram.until(lambda: self._over(chat, asked.message_id), SECONDS)

    async def becomes(self, message: Message, former: str, *, edits: bool = False) -> None:
        """Wait until this message of Outrider's has another text, which is whole."""
        await self.telegram.until(
            lambda: message.text != former and _is_over(message) and message.text != "…", SECONDS
        )
        self.shown(message, edits=edits)

    def shown(self, message: Message, *, edits: bool = False) -> None:
        labels = [button["text"] for row in message.keyboard for button in row]
        buttons = "".join(f" `{label}`" for label in labels)
        grown = f" (posted once, edited {len(message.versions) - 1} times)" if edits else ""
        self.line("Outrider", message.text, f"{grown}{buttons}")

    async def silence(self, chat: int, seconds: float = 2.0) -> None:
        """Nothing comes. Raises AssertionError if it does."""
        before = self._asked[chat]
        try:
            await self.telegram.until(lambda: self._over(chat, before), seconds)
        except TimeoutError:
            self.tell("Outrider is silent.")
        else:
            raise AssertionError(f"it spoke: {self._over(chat, before)}")

    def _over(self, chat: int, beyond: int) -> Message | None:
        """The first message of Outrider's behind that one, once it is whole."""
        for message in self.telegram.messages(chat):
            if message.message_id > beyond:
                return message if _is_over(message) else None
        return None


def _is_over(message: Message) -> bool:
    return not any(data.startswith("stop:") for data in message.buttons)
