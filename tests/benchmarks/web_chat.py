"""What the web chat's page does, without the page: a message is sent, its reply is followed.

aiohttp reads at a fraction of httpx's cost; the client shares the cores with what is measured.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

TIMEOUT = aiohttp.ClientTimeout(total=600, sock_connect=10, sock_read=60)


@dataclass(frozen=True, slots=True)
class Exchange:
    """Moments in seconds of one monotonic clock: sent, accepted, first and last text, end."""

    turn_id: int
    sent: float
    accepted: float
    first_text: float
    last_text: float
    ended: float


class WebChat:
    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def ask(self, text: str) -> Exchange:
        """Ask in a conversation of its own. Raises RuntimeError where the reply failed."""
        headers = {"cookie": f"outrider_chat={secrets.token_urlsafe(32)}"}
        body = {"text": text, "client_id": secrets.token_urlsafe(12)}
        sent = time.perf_counter()
        async with self._session.post(
            f"{self._url}/chat/messages", json=body, headers=headers
        ) as answer:
            answer.raise_for_status()
            turn_id = int((await answer.json())["turn_id"])
        accepted = time.perf_counter()
        moments = [moment async for moment in _texts(self._session, self._stream(turn_id), headers)]
        return Exchange(turn_id, sent, accepted, moments[0], moments[-1], time.perf_counter())

    async def ask_at_once(self, texts: Sequence[str]) -> list[Exchange]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.ask(text)) for text in texts]
        return [task.result() for task in tasks]

    def _stream(self, turn_id: int) -> str:
        return f"{self._url}/chat/turns/{turn_id}/stream"


@asynccontextmanager
async def web_chat(url: str) -> AsyncIterator[WebChat]:
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(timeout=TIMEOUT, cookie_jar=jar) as session:
        yield WebChat(session, url)


async def _texts(
    session: aiohttp.ClientSession, address: str, headers: dict[str, str]
) -> AsyncIterator[float]:
    """The moments at which text of the reply came, until its end."""
    async with session.get(address, headers=headers) as answer:
        answer.raise_for_status()
        name = ""
        async for raw in answer.content:
            moment = time.perf_counter()
            field, _, value = raw.decode().strip().partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                said = json.loads(value)
                if name == "change" and any(said["added"]):
                    yield moment
                elif name == "end":
                    if said["state"] != "done":
                        raise RuntimeError(f"the reply is {said['state']}: {said['error']}")
                    return
    raise RuntimeError("the stream broke off before the reply's end")
