"""What came from Slack, by whichever way, to the assistant.

Whoever calls acknowledges as soon as the call returns: then all is committed that had to be, and
nothing was waited for that may take long. What Outrider says about it is said afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any
from zlib import crc32

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from assistant.channel import Notices
from assistant.errors import ChannelError, StorageUnavailable
from assistant.messages import (
    Arrival,
    ButtonPressed,
    Command,
    Edited,
    Incoming,
    IncomingMessage,
    Notice,
)
from assistant.service import Assistant
from bots.inbound import apologise, receive
from bots.slack.agent.asking import AskingAbout, Within, unbounded
from bots.slack.agent.home import Home, parse_home
from bots.slack.agent.opened import Opened, parse_opened
from bots.slack.agent.shortcut import parse_asked, parse_asking
from bots.slack.agent.surface import Surface
from bots.slack.buttons import parse_press
from bots.slack.client import connect
from bots.slack.gathering import Gathering, Late
from bots.slack.hearing import Hearing
from bots.slack.identity import BotIdentity, comes_from, is_outsider
from bots.slack.in_order import InOrder
from bots.slack.orders import parse_slash
from bots.slack.people import People
from bots.slack.reading.files import SlackFiles
from bots.slack.reading.parse import OUTSIDER, Reading, event_id_of, parse_event
from bots.slack.reading.payload import Object
from bots.slack.reading.thread import Threads
from bots.slack.said import Said
from bots.slack.whisper import Overheard, whisper

CLOSE_SECONDS = 2.0
BRING_AGAIN_SECONDS = (0.5, 2.0, 5.0)  # where a late file can't be stored; its answer waits longer
MOST_SAID = 1_000  # events, whose notice is not said again when they come again

_log = structlog.get_logger()


class SlackInbox:
    """One account's way in."""

    def __init__(
        self,
        assistant: Assistant,
        channel: Notices,
        client: AsyncWebClient,
        people: People | None = None,
        *,
        outsiders: bool = False,
        within: Within = unbounded,
    ) -> None:
        """`outsiders`: people of other workspaces are answered too. `within`: how what is written
        by no `Notices` keeps the chat's budget."""
        self._assistant = assistant
        self._channel = channel
        self._notices = InOrder(channel)
        self._client = client
        people, files = people or People(client), SlackFiles(client, assistant.opened)
        self._hearing = Hearing(assistant, people, files)
        self._gathering = Gathering(assistant, files, Threads(client, people))
        self._home = Home(assistant, client, self._hearing, outsiders)
        self._surface = Surface(assistant, self._notices, client, self._hearing, outsiders)
        self._questions = AskingAbout(
            assistant, channel.account, client, self._hearing, within, outsiders
        )
        self._outsiders = outsiders
        self._bot: BotIdentity | None = None
        self._asking = asyncio.Lock()
        self._said = Said(MOST_SAID)
        self._talking: set[asyncio.Task[None]] = set()

    async def connect(self) -> BotIdentity:
        """Who we are, asked once. Raises ChannelError (CredentialsRefused for a wrong token)."""
        async with self._asking:
            if self._bot is None:
                self._bot = await connect(self._client)
                _log.info("slack_connected", bot=self._bot.user_id, team=self._bot.team_id)
            return self._bot

    async def event(self, body: object, arrival: Arrival | None = None) -> None:
        """An Events API body. Raises StorageUnavailable or ChannelError: don't acknowledge.

        `arrival`: when it came; the caller acknowledges it.
        """
        arrival = arrival or Arrival()
        reading = Reading(await self.connect(), self._channel.account, outsiders=self._outsiders)
        if self._said.was(event_id_of(body)):
            return
        opened = parse_opened(body, self._channel.account)
        if isinstance(opened, Opened):
            self._said.note(event_id_of(body))
            show = self._home.opened if opened.is_home else self._surface.opened
            self._begin(self._shown(show(opened, reading.bot)))
            return
        try:
            item, raw = await self._hearing.heard(body, reading)
            if isinstance(item, IncomingMessage):
                item = replace(item, arrival=arrival)
            if isinstance(item, IncomingMessage) and await self._gathering.brings_more(
                item, raw, reading.bot
            ):
                await self._take_in(item, raw, reading.bot, arrival.received)
                return
            item = await self._hearing.permitted(item)
        except (StorageUnavailable, ChannelError):
            raise
        except Exception:
            # A fault of ours would come back with each redelivery: say it once and take it off
            _log.exception("slack_event_failed", account=self._channel.account)
            self._begin(self._fault_told(body, reading))
            return
        if isinstance(item, Notice) and self._was_said(item.chat.chat_id, item.reply_to):
            return
        await self._receive(item)
        if isinstance(item, Command | Notice):
            self._said.note(event_id_of(body))

    async def interaction(self, payload: object) -> Mapping[str, Any]:
        """A press, a control, a shortcut or a form. Returns what Slack is answered with, mostly
        nothing. Raises StorageUnavailable or ChannelError: don't acknowledge."""
        bot = await self.connect()
        try:
            return await self._interact(payload, bot)
        except (StorageUnavailable, ChannelError):
            raise
        except Exception:  # it would end the socket, and everybody's messages with it
            _log.exception("slack_interaction_failed", account=self._channel.account)
            return {}

    async def _interact(self, payload: object, bot: BotIdentity) -> Mapping[str, Any]:
        if asking := parse_asking(payload):
            self._begin(self._shown(self._questions.open(asking, bot)))
        elif asked := parse_asked(payload):
            return await self._questions.asked(asked, bot)
        elif used := parse_home(payload, self._channel.account):
            self._begin(self._shown(await self._home.use(used, bot)))
        else:
            account, outsiders = self._channel.account, self._outsiders
            pressed = parse_press(payload, account, bot, outsiders=outsiders)
            await self._receive(await self._hearing.introduced(pressed, bot, comes_from(payload)))
        return {}

    async def slash(self, payload: object) -> str:
        """A slash command; returns what the person alone is told. Raises StorageUnavailable."""
        bot = await self.connect()
        parsed, workspace = parse_slash(payload, self._channel.account), comes_from(payload)
        if not self._outsiders and is_outsider(workspace, bot) and isinstance(parsed, Command):
            parsed = Notice(parsed.chat, OUTSIDER, "", parsed.sender_id)
        item = await self._hearing.introduced(parsed, bot, workspace)
        overheard = Overheard(self._channel)
        try:
            item = await self._hearing.permitted(item, alone=True)
            await receive(self._assistant, overheard, item)
        except StorageUnavailable:
            raise
        except Exception:
            _log.exception("slack_order_failed", account=self._channel.account)
            await apologise(overheard, item)
        return overheard.text

    async def close(self) -> None:
        """Let what is being said be said, for a moment."""
        if talking := list(self._talking):
            _, late = await asyncio.wait(talking, timeout=CLOSE_SECONDS)
            for task in late:
                task.cancel()

    async def _shown(self, showing: Coroutine[Any, Any, None]) -> None:
        """No answer waits for it, so what goes wrong is for the log alone."""
        try:
            await showing
        except StorageUnavailable as error:
            _log.warning("slack_surface_not_shown", code=error.code)
        except Exception:
            _log.exception("slack_surface_failed", account=self._channel.account)

    async def _take_in(
        self, item: IncomingMessage, raw: Object, bot: BotIdentity, arrived: float
    ) -> None:
        """A message that has more to it than its event. The twin of a mention is none any more."""
        async with self._gathering.one_at_a_time(item):
            # An edit may add what was missing, or come from somebody who was let in since.
            key = f"{_key(item.chat.chat_id, item.message_id)}:{crc32(item.text.encode())}"
            if self._said.was(key):
                return
            gathered = await self._gathering.of(item, raw, bot, arrived)
            try:
                for one in gathered.items:
                    await self._receive(one)
            except BaseException:
                if gathered.late is not None:
                    gathered.late.drop()
                raise
            self._said.note(key)
        if gathered.late is not None:
            self._begin(self._bring(gathered.late))

    async def _bring(self, late: Late) -> None:
        """What comes after its message. Where it can't be stored, it is answered without."""
        for pause in (*BRING_AGAIN_SECONDS, None):
            try:
                if (said := await late.bring(self._assistant)) is not None:
                    await receive(self._assistant, self._notices, said)
                return
            except StorageUnavailable as error:
                _log.warning("slack_files_not_stored", code=error.code, again_in_seconds=pause)
            except Exception:
                _log.exception("slack_files_failed", account=self._channel.account)
                return
            if pause is not None:
                await asyncio.sleep(pause)

    def _was_said(self, chat_id: str, message_id: str) -> bool:
        """Whether this message was answered with a notice before; it is from now on."""
        key = _key(chat_id, message_id)
        if not message_id or self._said.was(key):
            return bool(message_id)
        self._said.note(key)
        return False

    async def _fault_told(self, body: object, reading: Reading) -> None:
        """Tell of a fault of ours who certainly speaks to us: an edit may not."""
        item = parse_event(body, reading)
        spoken = item.asked if isinstance(item, Edited) else item
        if spoken is not None:
            await apologise(self._notices, spoken)

    async def _receive(self, item: Incoming) -> None:
        """Return as soon as it is stored; what is to be said then is said meanwhile."""
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._begin(self._carry_out(item, stored))
        await stored

    async def _carry_out(self, item: Incoming, stored: asyncio.Future[None]) -> None:
        def commit() -> None:
            if not stored.done():
                stored.set_result(None)

        try:
            word = await receive(self._assistant, self._notices, item, commit)
            commit()
            if isinstance(item, IncomingMessage):
                await self._shown(self._surface.name_thread(item))
            if word and isinstance(item, ButtonPressed):
                await whisper(self._client, item, word)
        except StorageUnavailable as error:
            if stored.done():
                _log.warning("slack_answer_not_said", code=error.code)
            else:
                stored.set_exception(error)
        except Exception:
            _log.exception("slack_event_failed", account=self._channel.account)
            commit()
            await apologise(self._notices, item)
        finally:
            if not stored.done():
                stored.set_exception(StorageUnavailable("The workspace was just closed."))

    def _begin(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._talking.add(task)
        task.add_done_callback(self._talking.discard)


def _key(chat_id: str, message_id: str) -> str:
    return f"{chat_id}:{message_id}"
