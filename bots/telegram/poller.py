"""Long polling for one account. An update is confirmed to Telegram only after it was handled.

The library's own Updater confirms updates before anything is stored; this loop asks for the next
ones (which is what confirms the earlier) only when all of a batch are committed. Only one poller
may run for an account: the caller holds its lease.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import structlog

from assistant.channel import Channel
from assistant.errors import StorageUnavailable
from assistant.service import Assistant
from bots.telegram.addressing import BotIdentity
from bots.telegram.backoff import Backoff
from bots.telegram.bot import TelegramBot
from bots.telegram.persistence import Persistence
from bots.telegram.update import UpdateHandler, chat_id_of, update_id_of

LONG_POLL_SECONDS = 25
_log = structlog.get_logger()


class TelegramPoller:
    """`run` until cancelled; it can be cancelled, and run again, at any time."""

    def __init__(
        self,
        bot: TelegramBot,
        channel: Channel,
        assistant: Assistant,
        *,
        long_poll_seconds: int = LONG_POLL_SECONDS,
        retry_seconds: tuple[float, float] = (1.0, 30.0),
    ) -> None:
        """`channel` says the notices: give the one whose calls pass the chat's budget.

        `retry_seconds`: the first and the longest pause after something went wrong.
        """
        self._bot = bot
        self._account = channel.account
        self._handler = UpdateHandler(bot, channel, assistant)
        self._long_poll_seconds = long_poll_seconds
        self._asking = Persistence(channel.account, Backoff(*retry_seconds))
        self._storing = Backoff(*retry_seconds)
        self._handled: set[int] = set()  # updates of an unconfirmed batch that are done

    async def run(self) -> None:
        identity = await self._asking.until_done(self._introduce)
        _log.info("telegram_polling", account=self._account, username=identity.username)
        offset: int | None = None
        while True:
            batch = await self._asking.until_done(partial(self._ask, offset))
            offset = await self._handle(batch, identity, offset)

    async def _introduce(self) -> BotIdentity:
        identity = await self._bot.introduce()
        await self._bot.delete_webhook(drop_pending_updates=False)  # else polling is refused
        return identity

    async def _ask(self, offset: int | None) -> Sequence[Any]:
        return await self._bot.updates(offset, self._long_poll_seconds)

    async def _handle(
        self, batch: Sequence[Any], identity: BotIdentity, offset: int | None
    ) -> int | None:
        """Handle a batch, chats side by side; return what to ask for next."""
        ids = [update_id for update in batch if (update_id := update_id_of(update)) is not None]
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._in_order(updates, identity))
                for updates in self._by_chat(batch)
            ]
        waiting = [first for task in tasks if (first := task.result()) is not None]
        if waiting or (batch and not ids):
            await self._storing.pause()
        else:
            self._storing.reset()
        following = min(waiting) if waiting else max(ids) + 1 if ids else offset
        self._handled = {done for done in self._handled if done >= (following or 0)}
        return following

    def _by_chat(self, batch: Sequence[Any]) -> Iterable[Sequence[tuple[int, Any]]]:
        chats: dict[int | None, list[tuple[int, Any]]] = defaultdict(list)
        for update in batch:
            update_id = update_id_of(update)
            if update_id is not None and update_id not in self._handled:
                chats[chat_id_of(update)].append((update_id, update))
        return chats.values()

    async def _in_order(
        self, updates: Sequence[tuple[int, Any]], identity: BotIdentity
    ) -> int | None:
        """One chat's updates; the id of the first that could not be stored, None if all were."""
        for update_id, update in updates:
            try:
                await self._handler.handle(update, identity)
            except StorageUnavailable:
                _log.warning("update_not_stored", update_id=update_id)
                return update_id
            self._handled.add(update_id)
        return None
