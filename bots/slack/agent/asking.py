"""Asking about a message by the shortcut: a form, and then the question in the message's thread.

What is asked is said there for all to read, and answered under it. It is said first, since the
answer hangs on it; a person whose question could not be said is told so in the form, which keeps
their words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from assistant.errors import (
    AssistantError,
    ChannelError,
    MessageRefused,
    RecipientUnreachable,
    StorageUnavailable,
)
from assistant.messages import ChatRef, IncomingMessage
from assistant.phrases import Phrase, say
from assistant.service import Assistant
from bots.slack.agent.shortcut import QUESTION, About, Asked, Asking, form, quoted, refused_form
from bots.slack.client import call
from bots.slack.errors import lost
from bots.slack.hearing import Hearing, Speaker
from bots.slack.identity import BotIdentity, is_outsider
from bots.slack.reading.parse import OUTSIDER
from bots.slack.reading.text import mentioned
from bots.slack.render import plain

LOOK_SECONDS = 1.0  # a form is opened, and a question taken in, within three
SAY_SECONDS = 2.0
MOST_SAID = 1_000
NOT_HERE = Phrase("ask.not_here")
AGAIN = Phrase("ask.again")

_log = structlog.get_logger()


class Within(Protocol):
    """Makes a call that writes into a chat as soon as the chat's budget allows it."""

    async def __call__(
        self, chat: ChatRef, call: Callable[[], Awaitable[str]], at_most_seconds: float, /
    ) -> str: ...


async def unbounded(chat: ChatRef, call: Callable[[], Awaitable[str]], _: float, /) -> str:
    """Where no budget is kept."""
    return await call()


@dataclass(frozen=True, slots=True)
class AskingAbout:
    """One workspace's."""

    assistant: Assistant
    account: str
    client: AsyncWebClient
    hearing: Hearing
    within: Within = unbounded
    outsiders: bool = False
    # By the form: a question whose storing failed, or that comes again, is not said again.
    _said: dict[str, str] = field(default_factory=dict, init=False)

    async def open(self, asking: Asking, bot: BotIdentity) -> None:
        """Show the form, or why there is none."""
        speaker = await self.hearing.speaker(asking.user_id, bot, asking.workspace)
        language = speaker.language
        try:
            chat = asking.about.chat(self.account)
            language = await self.assistant.language(chat, asking.user_id, speaker.language)
            await self._admit(chat, asking, speaker, bot)
            view = form(asking.about, language)
            if await self._text(asking.about) is None:
                view = refused_form(NOT_HERE, language)
        except MessageRefused as refused:
            view = refused_form(refused.phrase, language)
        except StorageUnavailable:
            view = refused_form(Phrase("notice.fault"), language)
        try:
            await call(self.client.views_open, trigger_id=asking.trigger_id, view=view)
        except ChannelError as error:
            _log.warning("form_not_shown", code=error.code, reason=str(error))

    async def asked(self, asked: Asked, bot: BotIdentity) -> Mapping[str, Any]:
        """Take the question in. Returns what Slack shall do with the form: nothing closes it."""
        speaker = await self.hearing.speaker(asked.user_id, bot, asked.workspace)
        language = speaker.language
        try:
            language = await self.assistant.language(
                asked.about.chat(self.account), asked.user_id, speaker.language
            )
            await self._take(asked, speaker, bot, language)
        except MessageRefused as refused:
            return _fault(refused.phrase, language)
        except RecipientUnreachable:
            return _fault(NOT_HERE, language)
        except (AssistantError, TimeoutError) as error:
            _log.warning("question_not_taken", reason=str(error) or type(error).__name__)
            return _fault(AGAIN, language)
        except Exception:
            _log.exception("question_failed", account=self.account)
            return _fault(Phrase("notice.fault"), language)
        return {}

    async def _take(self, asked: Asked, speaker: Speaker, bot: BotIdentity, language: str) -> None:
        chat = asked.about.chat(self.account)
        await self._admit(chat, asked, speaker, bot)
        if not asked.question:
            raise MessageRefused(Phrase("refused.empty"))
        name = speaker.name or asked.user_name
        async with asyncio.timeout(SAY_SECONDS):
            quote = await self._quote(asked.about, bot)
            ts = await self._say(asked, chat, name, language)
        await self.assistant.accept(
            IncomingMessage(
                chat,
                f"asked:{asked.view_id}",
                ts,
                asked.user_id,
                name,
                f"{quote}\n\n{asked.question}",
                language=speaker.language,
                member=speaker.member,
            )
        )

    async def _admit(
        self, chat: ChatRef, who: Asking | Asked, speaker: Speaker, bot: BotIdentity
    ) -> None:
        """Raises MessageRefused. What is told is seen by this person alone."""
        if not self.outsiders and is_outsider(speaker.member.workspace, bot):
            raise MessageRefused(OUTSIDER)
        name = speaker.name or who.user_name
        await self.assistant.admit(chat, who.user_id, name, speaker.member, alone=True)

    async def _say(self, asked: Asked, chat: ChatRef, name: str, language: str) -> str:
        """The id of the message that says who asks what."""
        if known := self._said.get(asked.view_id):
            return known
        told = Phrase("ask.asked", {"name": name, "question": asked.question})

        async def post() -> str:
            answer = await call(
                self.client.chat_postMessage,
                repeatable=False,
                channel=chat.chat_id,
                thread_ts=chat.thread_id or None,
                text=plain(say(told, language)),
                mrkdwn=False,
                parse="none",
                link_names=False,
                unfurl_links=False,
                unfurl_media=False,
            )
            ts = answer.get("ts")
            if not isinstance(ts, str) or not ts:
                raise lost("Slack took the question but named no id.", repeatable=False)
            return ts

        ts = await self.within(chat, post, SAY_SECONDS)
        self._said[asked.view_id] = ts
        while len(self._said) > MOST_SAID:
            del self._said[next(iter(self._said))]
        return ts

    async def _quote(self, about: About, bot: BotIdentity) -> str:
        if not about.whole and (text := await self._text(about)):
            about = replace(about, text=text)
        people = await self.hearing.people.of([about.author_id, *mentioned(about.text)])
        names = {one: person.name for one, person in people.items() if person.name}
        own = about.author_id in (bot.user_id, bot.bot_id)
        return quoted(about, names, about.author_id if own else "")

    async def _text(self, about: About) -> str | None:
        """The message as it stands in Slack, empty where that can't be learned in time; None where
        we are not in its conversation."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                answer = await call(
                    self.client.conversations_replies,
                    success="thread_not_found",
                    channel=about.channel_id,
                    ts=about.thread_ts or about.ts,
                    oldest=about.ts,
                    latest=about.ts,
                    inclusive=True,
                    limit=2,
                )
        except RecipientUnreachable:
            return None
        except (ChannelError, TimeoutError):
            return ""
        found = [one for one in answer.get("messages") or () if isinstance(one, dict)]
        return next((str(one.get("text", "")) for one in found if one.get("ts") == about.ts), "")


def _fault(why: Phrase, language: str) -> Mapping[str, Any]:
    return {"response_action": "errors", "errors": {QUESTION: say(why, language)}}
