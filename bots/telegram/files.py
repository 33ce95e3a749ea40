"""Files that came with a message, through Telegram's file API alone.

Where a file lies, getFile says; that is data from outside: it never leads out of our own folder at
the file API. No more is read than was allowed, and all of it within a set time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote

import httpx
import structlog
from telegram.error import BadRequest, NetworkError, TelegramError

from assistant.files.attachments import most_bytes
from assistant.messages import Attachment
from bots.telegram.bot import FILES_AT_ONCE, TelegramBot
from bots.telegram.payload import number, text
from bots.telegram.request import FloodWait

FETCH_SECONDS = 12.0  # a webhook's caller waits behind it
TRIES = 3
PAUSE_SECONDS = 1.0

_log = structlog.get_logger()


class FileRefused(Exception):
    """Telegram has it no more, or it is not what was said of it. `str()` is for the log."""


class _TryAgain(FileRefused):
    def __init__(self, reason: str, seconds: float = PAUSE_SECONDS) -> None:
        super().__init__(reason)
        self.seconds = seconds


@dataclass(slots=True)
class TelegramFiles:
    bot: TelegramBot
    seconds: float = FETCH_SECONDS
    _slots: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(FILES_AT_ONCE), init=False
    )

    async def fetched(self, attachments: Sequence[Attachment]) -> tuple[Attachment, ...]:
        """The same, in their order, side by side; one that can't be had stays without data."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._fetched(one)) for one in attachments]
        return tuple(task.result() for task in tasks)

    async def _fetched(self, one: Attachment) -> Attachment:
        try:
            async with asyncio.timeout(self.seconds), self._slots:
                return replace(one, data=await self._read(one.file_id, most_bytes(one)))
        except (FileRefused, TimeoutError, TelegramError, httpx.HTTPError) as error:
            _log.warning("file_not_fetched", kind=one.kind, error=_named(error))
            return one

    async def _read(self, file_id: str, most: int) -> bytes:
        for _ in range(TRIES - 1):
            try:
                return await self._read_once(file_id, most)
            except _TryAgain as trouble:
                await asyncio.sleep(trouble.seconds)
        return await self._read_once(file_id, most)

    async def _read_once(self, file_id: str, most: int) -> bytes:
        try:
            described = await self.bot.file_description(file_id)
        except FloodWait as wait:
            raise _TryAgain("flood control", wait.seconds) from wait
        except BadRequest:  # which the library takes for trouble with the network
            raise
        except NetworkError as error:
            raise _TryAgain(type(error).__name__) from error
        if (number(described.get("file_size")) or 0) > most:
            raise FileRefused("larger than was said")
        path = safe_path(text(described.get("file_path")))
        if path is None:
            raise FileRefused("no path that can be asked for")
        try:
            async with self.bot.open_file(path) as response:
                return await _body(response, most)
        except httpx.TransportError as error:
            raise _TryAgain(type(error).__name__) from error


def safe_path(path: str) -> str | None:
    """The path, quoted; None for one that would leave the folder that it is relative to."""
    parts = path.split("/")
    if not all(part.strip(".") and part.isprintable() for part in parts):
        return None
    return "/".join(quote(part, safe="") for part in parts)


async def _body(response: httpx.Response, most: int) -> bytes:
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
        raise _TryAgain(f"status {response.status_code}")
    if response.status_code != httpx.codes.OK:
        raise FileRefused(f"status {response.status_code}")
    read = bytearray()
    async for piece in response.aiter_bytes():
        read += piece
        if len(read) > most:
            raise FileRefused("larger than was said")
    return bytes(read)


def _named(error: Exception) -> str:
    return str(error) if isinstance(error, FileRefused) else type(error).__name__
