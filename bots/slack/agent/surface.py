"""The agent pane and the older assistant view: what may be asked first, a greeting, titles.

All of it comes after what matters: an answer waits for none of it, and where Slack doesn't let us,
it isn't there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from assistant.channel import Notices
from assistant.errors import ChannelError, MessageRefused
from assistant.messages import ChatRef, IncomingMessage
from assistant.phrases import Phrase, say
from assistant.service import Assistant
from bots.slack.agent.extras import Extras
from bots.slack.agent.opened import Opened
from bots.slack.cut import cut
from bots.slack.hearing import Hearing
from bots.slack.identity import BotIdentity, is_outsider
from bots.slack.reading.parse import OUTSIDER
from bots.slack.said import Said

GREETING = Phrase("start.greeting")
TITLE_UNITS = 60
PROMPT_TITLE_UNITS = 75
MOST_TITLED = 10_000  # threads, of which it is known that they have their title

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Surface:
    """One workspace's."""

    assistant: Assistant
    channel: Notices
    client: AsyncWebClient
    hearing: Hearing
    outsiders: bool = False
    extras: Extras = field(default_factory=Extras)
    _titled: Said = field(default_factory=lambda: Said(MOST_TITLED), init=False)

    async def opened(self, opened: Opened, bot: BotIdentity) -> None:
        """Suggest what to ask, and greet in a thread; or say there why not.

        Raises StorageUnavailable.
        """
        chat, user_id = opened.chat, opened.user_id
        speaker = await self.hearing.speaker(user_id, bot)
        language = await self.assistant.language(chat, user_id, speaker.language)
        try:
            if not self.outsiders and is_outsider(speaker.member.workspace, bot):
                raise MessageRefused(OUTSIDER)
            await self.assistant.admit(chat, user_id, speaker.name or user_id, speaker.member)
        except MessageRefused as refused:
            if chat.thread_id:
                await self._say(chat, say(refused.phrase, language))
            return
        await self._suggest(chat, language)
        if chat.thread_id:
            await self._say(chat, say(GREETING, language))

    async def name_thread(self, message: IncomingMessage) -> None:
        """Give a thread in direct messages its title, which is its first question.

        Raises StorageUnavailable.
        """
        chat, thread = message.chat, message.chat.thread_id or message.message_id
        place = f"{chat.chat_id}:{thread}"
        if chat.kind != "private" or self._titled.was(place):
            return
        self._titled.note(place)
        if not await self._begins(message, thread):
            return
        if title := title_of(message.text):
            await self.extras.call(
                "assistant.threads.setTitle",
                self.client.assistant_threads_setTitle,
                success="invalid_thread_ts",
                channel_id=chat.chat_id,
                thread_ts=thread,
                title=title,
            )

    async def _begins(self, message: IncomingMessage, thread: str) -> bool:
        """Whether this was taken in as the first question. A thread of the assistant view hangs on
        a message of ours."""
        if thread == message.message_id:
            return await self.assistant.knows(message.chat, message.message_id)
        said = await self.assistant.history(message.chat, 2)
        return sum(one.role == "user" for one in said) == 1

    async def _suggest(self, chat: ChatRef, language: str) -> None:
        """In the thread; over the whole pane where the chat names none."""
        thread = {"thread_ts": chat.thread_id} if chat.thread_id else {}
        prompts = [
            {"title": cut(one, PROMPT_TITLE_UNITS), "message": one}
            for one in await self.assistant.suggestions(chat, language)
        ]
        if prompts:
            await self.extras.call(
                "assistant.threads.setSuggestedPrompts",
                self.client.assistant_threads_setSuggestedPrompts,
                success="invalid_thread_ts",
                channel_id=chat.chat_id,
                prompts=prompts,
                **thread,
            )

    async def _say(self, chat: ChatRef, text: str) -> None:
        try:
            await self.channel.say(chat, text)
        except ChannelError as error:
            _log.warning("notice_not_shown", channel="slack", code=error.code)


def title_of(text: str) -> str:
    """The first line that is the person's own; what they quote comes before it."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    own = [line for line in lines if line and not line.startswith(">")]
    return cut(own[0], TITLE_UNITS) if own else ""
