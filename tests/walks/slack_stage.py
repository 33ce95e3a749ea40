"""Where the walk through Slack is played: the whole program and the fake Slack server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.fakes.slack import FakeSlack, Message
from tests.fakes.slack.files import SlackFile
from tests.walks.stage import SECONDS, Stage

ORDER = "/outrider"


@dataclass(slots=True, kw_only=True)
class SlackStage(Stage):
    """Who writes in a direct message names no channel. A message is in the thread of the one that
    is given as `under`."""

    slack: FakeSlack

    def name(self, user: str, name: str, locale: str = "en-US", **about: Any) -> None:
        self.slack.workspace.person(user, name, locale=locale, **about)

    def says(
        self, user: str, text: str, *, channel: str = "", under: Message | None = None
    ) -> Message:
        """`@Outrider` and `@channel` become what Slack's client makes of them."""
        self.said(user, text, under)
        typed = text.replace("@Outrider", f"<@{self.slack.workspace.bot_user_id}>")
        for everybody in ("channel", "here", "everyone"):
            typed = typed.replace(f"@{everybody}", f"<!{everybody}>")
        thread = _root(under) if under else ""
        return self.slack.write(channel or f"D{user}", user, typed, thread_ts=thread)

    def said(self, user: str, text: str, under: Message | None = None) -> None:
        name = self.slack.workspace.person(user).name
        self.line(name, text, ", in the thread" if under else "")

    def sends(self, user: str, what: str, file: SlackFile, text: str = "") -> Message:
        """In a direct message."""
        self.tell(f"{self.slack.workspace.person(user).name} sends {what}.")
        if text:
            self.said(user, text)
        return self.slack.share(f"D{user}", user, file, text=text)

    async def order(self, user: str, text: str, channel: str = "") -> None:
        """A slash command; what it is answered with is seen by who gave it alone."""
        self.said(user, f"{ORDER} {text}")
        given = self.slack.command(channel or f"D{user}", user, ORDER, text)
        await self.slack.until(given.acknowledged.is_set, SECONDS)
        self.line("Outrider", str((given.answer or {}).get("text", "")), ", to her alone")

    async def status(self, asked: Message) -> None:
        """Wait until the thread says that an answer is being prepared, and write it down."""

        def shown() -> bool:
            return self.slack.workspace.status(asked.channel, _root(asked)) is not None

        await self.slack.until(shown, SECONDS)
        status = self.slack.workspace.status(asked.channel, _root(asked))
        assert status is not None
        self.tell(f"In its thread stands: Outrider {status.text} ({status.loading_messages[0]})")

    async def reply(self, asked: Message, *, how: bool = False) -> Message:
        """Wait for what Outrider says after this in its thread, and write it down; `how`: by which
        calls it came. Returns the last message of it."""
        await self.slack.until(
            lambda: bool(there := self.replies(asked)) and all(map(self._is_over, there)), SECONDS
        )
        there = self.replies(asked)
        for message in there:
            self.shown(message, how=how)
        return there[-1]

    async def growing(self, asked: Message, *, characters: int) -> Message:
        """The reply to this, once so much of it stands there."""

        def found() -> list[Message]:
            return [one for one in self.replies(asked) if len(one.now.markdown) > characters]

        await self.slack.until(lambda: bool(found()), SECONDS)
        return found()[0]

    async def done(self, message: Message) -> None:
        """Wait until the answer that ends in this message is over."""
        await self.slack.until(lambda: message.now.button("retry") is not None, SECONDS)

    @asynccontextmanager
    async def anew(self, message: Message) -> AsyncIterator[None]:
        """What is done in the block has it answered again, in place: wait for the end of that."""
        versions = len(message.versions)
        yield
        await self.slack.until(lambda: len(message.versions) > versions, SECONDS)
        await self.done(message)

    async def stops(self, message: Message, user: str) -> None:
        """The button under an answer that grows, and the end of the answer; a stream has Slack's
        own."""
        if message.stream is None:
            await self.press(message, user, "stop")
        else:
            self.slack.stop_stream(message)
        await self.done(message)

    async def press(self, message: Message, user: str, action: str, **chosen: Any) -> None:
        """A button of ours; what it is answered with is written down."""
        before = len(self.slack.workspace.ephemerals)
        pressed = self.slack.press(message, user, action, **chosen)
        await self.slack.until(pressed.acknowledged.is_set, SECONDS)
        if chosen:
            await self.slack.until(lambda: len(self.slack.workspace.ephemerals) > before, SECONDS)
            told = self.slack.workspace.ephemerals[-1].version.text
            self.line("Outrider", told, ", to her alone")

    async def home(self, user: str, done: Callable[[], object], *, shown: bool = True) -> None:
        """What is done brings a new home tab: wait for it, and write it down."""
        before = self.slack.workspace.homes.get(user)
        done()
        await self.slack.until(
            lambda: self.slack.workspace.homes.get(user) not in (None, before), SECONDS
        )
        if shown:
            blocks = self.slack.workspace.homes[user]["blocks"]
            self.line("Home", "\n".join(filter(None, map(_text_of, blocks))))

    async def silence(self, asked: Message, seconds: float = 3.0) -> None:
        """Nothing comes. Raises AssertionError if it does."""
        try:
            await self.slack.until(lambda: bool(self.replies(asked)), seconds)
        except TimeoutError:
            self.tell("Outrider is silent.")
        else:
            raise AssertionError(f"it spoke: {self.replies(asked)}")

    def shown(self, message: Message, *, how: bool = False) -> None:
        labels = "".join(f" `{label}`" for label in _labels(message))
        for one in message.files:
            self.tell(f"A file: {one.name}, {len(one.content)} bytes.")
        self.line("Outrider", message.now.markdown, f"{_calls(message) if how else ''}{labels}")

    def replies(self, asked: Message) -> list[Message]:
        """What Outrider wrote in the thread after this."""
        return [
            one
            for one in self.slack.replies(asked.channel)
            if one.thread_ts == _root(asked) and _order(one) > _order(asked)
        ]

    def _is_over(self, message: Message) -> bool:
        stream = message.stream
        if stream is not None and stream.state(self.slack.state.clock()) == "streaming":
            return False
        return message.now.button("stop") is None


def _root(message: Message) -> str:
    return message.thread_ts or message.ts


def _order(message: Message) -> tuple[int, ...]:
    return tuple(map(int, message.ts.split(".")))


def _calls(message: Message) -> str:
    if message.stream is None:
        return f" (posted once, edited {message.edits} times)"
    edited = f", then edited {message.edits} times" if message.edits else ""
    return f" (a stream, appended to {message.stream.appends} times{edited})"


def _text_of(block: Mapping[str, Any]) -> str:
    """What a block of the home tab says, with what is chosen in it."""
    text = block.get("text") or {}
    chosen = (block.get("accessory") or {}).get("initial_option")
    said = str(text.get("text", ""))
    return f"{said}: {chosen['text']['text']}" if chosen else said


def _labels(message: Message) -> list[str]:
    """What stands on the buttons under a message."""
    found: list[str] = []
    for block in message.now.blocks:
        for element in block.get("elements", ()):
            if element["type"] == "feedback_buttons":
                parts = (element["positive_button"], element["negative_button"])
                found += [part["text"]["text"] for part in parts]
            elif element["type"] == "button":
                found.append(element["text"]["text"])
    return found
