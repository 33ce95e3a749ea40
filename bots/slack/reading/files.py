"""Files that came with a message, from Slack's own hosts alone.

The bot's token opens a file. So it is sent to the host where Slack keeps files, or to the server
that the settings name, and to no other; and as a redirect may lead anywhere, none is followed. No
more is read than was allowed, and all of it within a set time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import SplitResult, urlsplit

import aiohttp
import structlog
from slack_sdk.web.async_client import AsyncWebClient

from assistant.errors import ChannelError
from assistant.files.attachments import most_bytes
from assistant.messages import Attachment
from bots.slack.client import call
from bots.slack.reading.content import MOST_FILES
from bots.slack.reading.documents import must_be_asked_for
from bots.slack.reading.payload import Object, items, mapping, text

FETCH_SECONDS = 20.0
ASK_SECONDS = 1.0  # an event must be acknowledged within three
FILES_AT_ONCE = 4
TRIES = 3
PAUSE_SECONDS = 0.5

_HOST = "files.slack.com"
_PIECE_BYTES = 64 * 1024
_LIMITS = aiohttp.ClientTimeout(total=None, sock_connect=5)  # `FETCH_SECONDS` ends it
_SIGN_IN = "a page to sign in came in its place: has the app the scope files:read?"

_log = structlog.get_logger()


class FileRefused(Exception):
    """Slack doesn't give it, or it is not what was said of it. `str()` is for the log."""


class _TryAgain(FileRefused):
    def __init__(self, reason: str, seconds: float = PAUSE_SECONDS) -> None:
        super().__init__(reason)
        self.seconds = seconds


@dataclass(slots=True)
class SlackFiles:
    """`opened` makes a file readable (`Assistant.opened`), within the same time."""

    client: AsyncWebClient
    opened: Callable[[Attachment], Awaitable[Attachment]]
    seconds: float = FETCH_SECONDS
    _slots: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(FILES_AT_ONCE), init=False
    )

    async def fetched(self, one: Attachment, address: str) -> Attachment:
        """The same with its data; without, where it can't be had."""
        try:
            async with asyncio.timeout(self.seconds):
                async with self._slots:
                    data = await self._read(address, most_bytes(one))
                return await self.opened(replace(one, data=data))
        except (FileRefused, TimeoutError, aiohttp.ClientError, OSError) as error:
            _log.warning("file_not_fetched", kind=one.kind, error=_named(error))
            return one

    async def described(self, message: Object) -> Object:
        """The message with what Slack says of the files that it told nothing of."""
        holders = [message, *items(message.get("attachments"))]
        files = [one for holder in holders for one in items(holder.get("files"))]
        asked_for = [one for one in files if must_be_asked_for(one)][:MOST_FILES]
        if not asked_for:
            return message
        told = dict(zip(map(_id, asked_for), await self._asked(asked_for), strict=True))
        shared = [_with(told, one) for one in items(message.get("attachments"))]
        return {**_with(told, message), "attachments": shared}

    async def _asked(self, files: Sequence[Object]) -> Sequence[Object]:
        tasks = [asyncio.create_task(self._info(one)) for one in files]
        try:
            await asyncio.wait(tasks, timeout=ASK_SECONDS)
            return [
                task.result() if task.done() else one
                for task, one in zip(tasks, files, strict=True)
            ]
        finally:
            for task in tasks:
                task.cancel()

    async def _info(self, one: Object) -> Object:
        try:
            answer = await call(self.client.files_info, file=_id(one))
        except ChannelError as error:
            _log.warning("file_not_described", code=error.code)
            return one
        return mapping(answer.get("file")) or one

    async def _read(self, address: str, most: int) -> bytes:
        for _ in range(TRIES - 1):
            try:
                return await self._read_once(address, most)
            except _TryAgain as trouble:
                await asyncio.sleep(trouble.seconds)
        return await self._read_once(address, most)

    async def _read_once(self, address: str, most: int) -> bytes:
        session, token = self.client.session, self.client.token
        if session is None or session.closed or not token:
            raise FileRefused("the HTTP session is closed")
        if not is_slacks(address, self.client.base_url):
            raise FileRefused("not on a host of Slack's")
        headers = {"authorization": f"Bearer {token}", "accept-encoding": "identity"}
        try:
            async with session.get(
                address, headers=headers, allow_redirects=False, timeout=_LIMITS
            ) as response:
                return await _body(response, most)
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
            raise _TryAgain(type(error).__name__) from None  # it quotes the address


def is_slacks(address: str, base_url: str) -> bool:
    """Whether the bot's token may be sent there."""
    try:
        there, ours = urlsplit(address), urlsplit(base_url)
        if there.username is not None or there.password is not None:
            return False
        own = _origin(there) == _origin(ours)
        return own or _origin(there) == ("https", _HOST, 443)
    except ValueError:  # no address at all
        return False


def _origin(address: SplitResult) -> tuple[str, str, int]:
    usual = {"http": 80, "https": 443}.get(address.scheme, 0)
    return address.scheme, address.hostname or "", address.port or usual


async def _body(response: aiohttp.ClientResponse, most: int) -> bytes:
    if response.status == 429 or response.status >= 500:
        raise _TryAgain(f"status {response.status}", _pause(response))
    if 300 <= response.status < 400:
        raise FileRefused("sent elsewhere: has the app the scope files:read?")
    if response.status != 200:
        raise FileRefused(f"status {response.status}")
    if _is_page(response):
        raise FileRefused(_SIGN_IN)
    read = bytearray()
    async for piece in response.content.iter_chunked(_PIECE_BYTES):
        read += piece
        if len(read) > most:
            raise FileRefused("larger than was said")
    return bytes(read)


def _is_page(response: aiohttp.ClientResponse) -> bool:
    """Slack gives files out to be saved; a page is to be shown."""
    disposition = response.headers.get("content-disposition", "")
    shown = not disposition.lower().startswith("attachment")
    return response.content_type == "text/html" and shown


def _pause(response: aiohttp.ClientResponse) -> float:
    try:
        return max(float(response.headers["retry-after"]), 0.0)
    except (KeyError, ValueError):
        return PAUSE_SECONDS


def _with(told: Mapping[str, Object], holder: Object) -> Object:
    return {
        **holder,
        "files": [told.get(_id(one), one) for one in items(holder.get("files"))],
    }


def _id(described: Object) -> str:
    return text(described, "id")


def _named(error: Exception) -> str:
    return str(error) if isinstance(error, FileRefused) else type(error).__name__
