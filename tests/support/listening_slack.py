"""One Slack account, which listens to what people do in the fake workspace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pydantic import SecretStr
from slack_sdk.web.async_client import AsyncWebClient

from assistant.channel import Look, Placeholder
from assistant.messages import Attachment, ChatRef
from assistant.phrases import Phrase, say
from bots.slack.channel import SlackChannel
from bots.slack.client import web_client
from bots.slack.inbox import SlackInbox
from bots.slack.people import People
from bots.slack.settings import SlackSettings
from bots.slack.socket import SlackSocket
from tests.fakes.slack import FakeSlack, Message, Rates, Schedule
from tests.support.recording_assistant import RecordingAssistant

# A busy machine may acknowledge late, which no test is about; what is not acknowledged comes soon.
PATIENT = Schedule(ack_seconds=30.0, retries=(0.05, 0.2, 0.4))
IMPATIENT = Schedule(ack_seconds=1.0, retries=(0.05, 0.2, 0.4, 0.8, 1.6))
NOT_FETCHED = say(Phrase("content.not_fetched"))


@dataclass
class Slack:
    fake: FakeSlack
    client: AsyncWebClient
    channel: SlackChannel
    assistant: RecordingAssistant
    people: People

    @asynccontextmanager
    async def listening(self, *, outsiders: bool = False) -> AsyncIterator[None]:
        inbox = SlackInbox(
            self.assistant, self.channel, self.client, self.people, outsiders=outsiders
        )
        socket = SlackSocket(self.client, SecretStr(FakeSlack.app_token), inbox)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(socket.run())
            try:
                await self.fake.until(lambda: bool(self.fake.courier.sockets.open))
                yield
            finally:
                task.cancel()

    async def taken(self) -> None:
        """All that people did is acknowledged."""
        for delivery in self.fake.deliveries:
            await delivery.acknowledged.wait()

    async def said(self, channel: str) -> list[str]:
        """What was said there, once something was."""
        await self.fake.until(lambda: bool(self.fake.replies(channel)))
        return [reply.now.text for reply in self.fake.replies(channel)]

    async def reply(self, chat: ChatRef, text: str = "Hello!") -> Message:
        """The answer to what was asked first, as it stands at its end."""
        ts = await self.channel.post(chat, Placeholder(1, "1.0", ""))
        await self.channel.edit(chat, ts, Look(text, 1, final=True, last=True))
        return self.fake.replies(chat.chat_id)[-1]

    @property
    def files(self) -> list[Attachment]:
        """Those of the one message that was taken in."""
        [message] = self.assistant.accepted
        return list(message.attachments)


@asynccontextmanager
async def slack_with(rates: Rates) -> AsyncIterator[Slack]:
    async with FakeSlack(schedule=PATIENT, rates=rates) as fake:
        settings = SlackSettings(bot_token=SecretStr(fake.bot_token), base_url=fake.url)
        async with web_client(settings) as client:
            fake.workspace.channel("DU1")
            people = People(client)
            channel = SlackChannel(client, people=people)
            yield Slack(fake, client, channel, RecordingAssistant(), people)
