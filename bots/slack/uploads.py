"""A file of ours to Slack: an address is asked for, the bytes go there.

Source: docs.slack.dev, "Working with files": files.getUploadURLExternal.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from assistant.errors import PlatformUnavailable
from assistant.messages import Document
from bots.slack.client import call

_HOSTS = (".slack.com",)


async def upload(client: AsyncWebClient, document: Document) -> str:
    """The id of the file, which is in no chat yet. Raises ChannelError."""
    answer = await call(
        client.files_getUploadURLExternal,
        filename=document.name,
        length=len(document.content),
    )
    address, file_id = str(answer.get("upload_url", "")), str(answer.get("file_id", ""))
    if not file_id or not _is_slacks(address, client.base_url):
        raise PlatformUnavailable("Slack named no place for the file.")
    await _send(client, address, document)
    return file_id


async def _send(client: AsyncWebClient, address: str, document: Document) -> None:
    """The address is a key of its own: no token goes there, and no error names it."""
    session = client.session
    if session is None or session.closed:
        raise PlatformUnavailable("The HTTP session is closed.")
    try:
        async with session.post(
            address, data=document.content, headers={"content-type": document.media_type}
        ) as taken:
            status = taken.status
    except (aiohttp.ClientError, TimeoutError, OSError):
        raise PlatformUnavailable("Slack could not be given the file.") from None
    if status != 200:
        raise PlatformUnavailable(f"Slack did not take the file ({status}).")


def _is_slacks(address: str, base_url: str) -> bool:
    """People's words go to Slack alone."""
    there, ours = urlsplit(address), urlsplit(base_url)
    if (there.scheme, there.netloc) == (ours.scheme, ours.netloc):
        return True
    return there.scheme == "https" and (there.hostname or "").endswith(_HOSTS)
