"""What was said in a thread before the assistant was called into it: read once, with who said it.

It is handed to the assistant by who mentions it there, is stored with that message, and falls with
it. Slack gives an app that is sold outside its marketplace one such reading a minute, and wants an
event acknowledged within three seconds: where it can't be read in time, the question is answered
without.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from assistant.errors import ChannelError, RateLimited
from assistant.messages import Attachment, ChatRef
from bots.quoting import quoted, shortened
from bots.slack.client import call
from bots.slack.identity import BotIdentity
from bots.slack.people import People
from bots.slack.reading.content import files_of
from bots.slack.reading.documents import SlackFile
from bots.slack.reading.parse import WRITTEN
from bots.slack.reading.payload import Object, items, mapping, text
from bots.slack.reading.text import mentioned, readable, without_mention
from bots.slack.reading.words import words_of

READ_SECONDS = 1.2
PAGE_MESSAGES = 200  # the most that Slack recommends
MOST_PAGES = 3
MOST_MESSAGES = 100  # the newest of them, and the first
MOST_CHARACTERS = 12_000
MESSAGE_CHARACTERS = 2_000
MOST_PEOPLE = 30  # whose names are asked
MOST_FILES = 3
_NAME_CHARACTERS = 64

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Before:
    """What was said, as an attachment of the message that brings it, and the newest files there."""

    said: Attachment | None = None
    files: Sequence[SlackFile] = ()


@dataclass(slots=True)
class Threads:
    client: AsyncWebClient
    people: People
    clock: Callable[[], float] = time.monotonic
    _quiet_until: float = field(default=0.0, init=False)

    async def before(
        self, chat: ChatRef, ts: str, since: str, bot: BotIdentity, seconds: float = READ_SECONDS
    ) -> Before:
        """What stands in the thread before the message `ts`, and after the message `since`."""
        until = self.clock() + min(seconds, READ_SECONDS)
        messages = told(await self._read(chat, since, until), ts, since, bot)
        if not messages:
            return Before()
        said = quotes(messages, await self._names(messages, until), bot)
        attachment = Attachment("thread", f"thread:{ts}", data=said.encode())
        return Before(attachment, _files(messages, bot))

    async def _read(self, chat: ChatRef, since: str, until: float) -> Sequence[Object]:
        """As much as could be read in time."""
        pages: list[Object] = []
        if self.clock() < self._quiet_until:
            _log.info("thread_not_read", reason="rate_limited")
            return pages
        try:
            async with asyncio.timeout(max(until - self.clock(), 0.0)):
                await self._pages(chat, since, pages)
        except TimeoutError:
            _log.warning("thread_not_read", reason="timeout", messages=len(pages))
        except RateLimited as error:
            self._quiet_until = self.clock() + error.retry_after_seconds
            _log.warning("thread_not_read", reason=error.code, messages=len(pages))
        except ChannelError as error:
            _log.warning("thread_not_read", reason=error.code, messages=len(pages))
        return pages

    async def _pages(self, chat: ChatRef, since: str, pages: list[Object]) -> None:
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await call(
                self.client.conversations_replies,
                success="thread_not_found",
                channel=chat.chat_id,
                ts=chat.thread_id,
                oldest=since or None,
                limit=PAGE_MESSAGES,
                cursor=cursor,
            )
            pages += items(page.get("messages"))
            cursor = text(mapping(page.get("response_metadata")), "next_cursor")
            if not cursor:
                return
        _log.info("thread_read_in_part", messages=len(pages))

    async def _names(self, messages: Sequence[Object], until: float) -> Mapping[str, str]:
        speakers = [text(one, "user") for one in reversed(messages) if not text(one, "bot_id")]
        called = [user for one in messages for user in mentioned(text(one, "text"))]
        ids = [one for one in dict.fromkeys([*speakers, *called]) if one]
        known = await self.people.of(ids[:MOST_PEOPLE], until - self.clock())
        return {one: person.name for one, person in known.items() if person.name}


def told(messages: Sequence[Object], ts: str, since: str, bot: BotIdentity) -> Sequence[Object]:
    """What people and apps said, oldest first: the thread's first message and the newest. What we
    answered after `since` is in the conversation already, and is left out."""
    # A thread's first message may stand on each page
    once = {text(one, "ts"): one for one in messages if _counts(one, ts, since, bot)}
    said = [once[key] for key in sorted(once, key=_moment)]
    kept = said if len(said) <= MOST_MESSAGES else [said[0], *said[1 - MOST_MESSAGES :]]
    characters = 0
    for number, one in reversed(list(enumerate(kept))):
        characters += min(len(words_of(one, {})), MESSAGE_CHARACTERS)
        if characters > MOST_CHARACTERS:
            return [*kept[:1], *kept[number + 1 :]]
    return kept


def quotes(messages: Sequence[Object], names: Mapping[str, str], bot: BotIdentity) -> str:
    """Each with who said it."""
    lines = "\n".join(_line(one, names, bot) for one in messages)
    return "".join(one for one in lines if one >= " " or one in "\n\t")


def _counts(message: Object, ts: str, since: str, bot: BotIdentity) -> bool:
    at, user = text(message, "ts"), text(message, "user")
    ours = _is_ours(message, bot)
    if text(message, "subtype") not in WRITTEN or user == "USLACKBOT" or (ours and since):
        return False
    if not (_moment(since) < _moment(at) < _moment(ts)):
        return False
    return bool(words_of(message, {}).strip() or message.get("files"))


def _moment(ts: str) -> tuple[int, int]:
    """A message's time, comparable; what is none is before all."""
    seconds, _, part = ts.partition(".")
    if not (seconds.isascii() and seconds.isdigit() and part.isascii() and part.isdigit()):
        return (-1, 0)
    return int(seconds), int(part.ljust(6, "0"))


def _is_ours(message: Object, bot: BotIdentity) -> bool:
    bot_id = text(message, "bot_id")
    return text(message, "user") == bot.user_id or (bool(bot_id) and bot_id == bot.bot_id)


def _line(message: Object, names: Mapping[str, str], bot: BotIdentity) -> str:
    own = {**message, "text": without_mention(text(message, "text"), bot.user_id)}
    held = [f"[{one.words}]" for one in files_of(message)]
    said = " ".join(filter(None, (words_of(own, names), *held)))
    name = "You" if _is_ours(message, bot) else _name(message, names)
    return quoted(name, shortened(said, MESSAGE_CHARACTERS))


def _name(message: Object, names: Mapping[str, str]) -> str:
    user = text(message, "user")
    profile = mapping(message.get("user_profile"))
    apps = text(mapping(message.get("bot_profile")), "name") or text(message, "username")
    told_name = text(profile, "display_name") or text(profile, "real_name")
    name = names.get(user) or readable(apps or told_name or user)
    return " ".join(name.split())[:_NAME_CHARACTERS]


def _files(messages: Sequence[Object], bot: BotIdentity) -> Sequence[SlackFile]:
    """The newest that can be taken."""
    theirs = [one for one in reversed(messages) if not _is_ours(one, bot)]
    found = [file for one in theirs for file in files_of(one) if file.attachment]
    return found[:MOST_FILES]
