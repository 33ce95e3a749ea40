"""Updates by webhook: in order within a chat, chats side by side, again until the answer is 2xx."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from tests.fakes.telegram.bots import FakeBot
from tests.fakes.telegram.chats import Fields, date_at
from tests.fakes.telegram.world import World

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)  # Telegram's own are longer
LOOK_SECONDS = 0.02


class Webhooks:
    """Delivers what waits for one bot, for as long as a webhook is set."""

    def __init__(self, bot: FakeBot, world: World) -> None:
        self._bot = bot
        self._world = world
        self._busy: set[Any] = set()  # chats with an update on its way

    async def run(self) -> None:
        timeout = aiohttp.ClientTimeout(10)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
            while True:
                for chat, update in self._first_of_each_chat().items():
                    self._busy.add(chat)
                    group.create_task(self._deliver(session, chat, update))
                await self._bot.queue.news(LOOK_SECONDS)

    def _first_of_each_chat(self) -> dict[Any, Fields]:
        first: dict[Any, Fields] = {}
        for update in self._bot.queue.pending if self._bot.webhook else ():
            first.setdefault(chat_of(update), update)
        return {chat: update for chat, update in first.items() if chat not in self._busy}

    async def _deliver(self, session: aiohttp.ClientSession, chat: Any, update: Fields) -> None:
        failures = 0
        try:
            while self._bot.webhook and not await self._posted(session, update):
                await asyncio.sleep(PAUSES[min(failures, len(PAUSES) - 1)])
                failures += 1
        finally:
            self._busy.discard(chat)
            self._world.wake()

    async def _posted(self, session: aiohttp.ClientSession, update: Fields) -> bool:
        hook = self._bot.webhook
        headers = {SECRET_HEADER: hook["secret_token"]} if hook.get("secret_token") else {}
        await asyncio.sleep(self._world.latency_seconds / 2)
        try:
            async with session.post(hook["url"], json=update, headers=headers) as answer:
                if answer.ok:
                    self._bot.queue.remove(update)
                    return True
                failure = f"Wrong response from the webhook: {answer.status} {answer.reason}"
        except (aiohttp.ClientError, TimeoutError):
            failure = "Connection refused"
        hook |= {"last_error_message": failure, "last_error_date": date_at(self._world.now())}
        return False


def chat_of(update: Fields) -> Any:
    """The chat (or the person, where there is none) within which updates keep their order."""
    content = next(value for kind, value in update.items() if kind != "update_id")
    if not isinstance(content, dict):
        return None
    message = content.get("message") or content
    place = message.get("chat") or content.get("from") or {}
    return place.get("id") if isinstance(place, dict) else None
