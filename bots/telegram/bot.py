"""The library's Bot for one account, built so that it never sees the token."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
from telegram import Bot

from assistant.errors import StartupError
from bots.telegram.addressing import BotIdentity
from bots.telegram.commands import register_commands
from bots.telegram.parse import kinds_of
from bots.telegram.payload import Object, mapping
from bots.telegram.request import TelegramRequest, file_client
from bots.telegram.settings import TelegramSettings

POLL_READ_SECONDS = 10.0  # beyond the long poll's own time
CONNECTIONS = 64
FILES_AT_ONCE = 8


class TelegramBot(Bot):
    """Build it with `open_bot`."""

    __slots__ = ("_allowed", "_files")

    def __init__(
        self,
        base_url: str,
        calls: TelegramRequest,
        polls: TelegramRequest,
        files: httpx.AsyncClient,
        allowed_updates: tuple[str, ...],
    ) -> None:
        self._files = files
        self._allowed = allowed_updates
        super().__init__(
            "0:kept-in-the-transport",
            base_url=lambda _: f"{base_url}/bot",
            base_file_url=lambda _: f"{base_url}/file/bot",
            request=calls,
            get_updates_request=polls,
        )

    @property
    def allowed_updates(self) -> tuple[str, ...]:
        """The kinds of updates that Telegram is asked for: those that are understood here."""
        return self._allowed

    async def introduce(self) -> BotIdentity:
        """Ask who we are, and show people our commands."""
        me = await self.get_me()
        await register_commands(self)
        reads_all = me.can_read_all_group_messages is True
        return BotIdentity(me.id, me.username or "", reads_all)

    async def updates(self, offset: int | None, wait_seconds: int) -> Sequence[Any]:
        """Updates from `offset` on, as they came: an unknown kind must not break the others.

        Asking with an offset confirms all earlier updates: Telegram never sends them again.
        """
        answer: Any = await self._post(
            "getUpdates",
            {"offset": offset, "timeout": wait_seconds, "allowed_updates": self.allowed_updates},
            read_timeout=wait_seconds + POLL_READ_SECONDS,
        )
        return answer if isinstance(answer, list) else []

    async def call(self, method: str, **fields: Any) -> Any:
        """A method's result as it came. What the library can't read in a message that was taken
        (a kind of content that is new) must not look like a failure."""
        return await self._post(method, {k: v for k, v in fields.items() if v is not None})

    async def file_description(self, file_id: str) -> Object:
        """Telegram's File as it came: the library takes its path for one on this machine."""
        return mapping(await self._post("getFile", {"file_id": file_id}))

    def open_file(self, path: str) -> AbstractAsyncContextManager[httpx.Response]:
        """`path` is quoted. Raises httpx.HTTPError."""
        return self._files.stream("GET", f"{self.base_file_url}/{path}")


@asynccontextmanager
async def open_bot(settings: TelegramSettings) -> AsyncIterator[TelegramBot]:
    """The bot with its connections. Makes no call yet.

    Raises StartupError without a token, and with a proxy that can't be used."""
    if settings.token is None:
        raise StartupError("Telegram needs a token: set OUTRIDER_TELEGRAM__TOKEN.")
    calls = TelegramRequest(settings.base_url, settings.token, connections=CONNECTIONS)
    polls = TelegramRequest(settings.base_url, settings.token, connections=2)
    files = file_client(settings.base_url, settings.token, connections=FILES_AT_ONCE)
    try:
        kinds = kinds_of(inline=settings.inline, guest=settings.guest)
        yield TelegramBot(settings.base_url, calls, polls, files, kinds)
    finally:
        await files.aclose()
        await calls.shutdown()
        await polls.shutdown()
