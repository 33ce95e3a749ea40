"""One file from the hub: gone on with where it was broken off, and checked before it has its name.

The hub's own client throws away what it has of a file when it is interrupted; here a shard of many
gigabytes goes on at its last byte, after a broken line and after a new start alike.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from inference.errors import EngineError, WeightsDamaged
from inference.weights.hub import HubFile, unreachable

READ_BYTES = 1 << 20
# Between tries that brought nothing new.
PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0)
_AGAIN = {408, 425, 429, 500, 502, 503, 504}

# Called with a status and the hub's error code; gives what to raise.
Refused = Callable[[int, str], EngineError]


class Part:
    """A file on its way: what has arrived of it, on the disk, and the checksum of that so far."""

    def __init__(self, file: HubFile, folder: Path) -> None:
        self.file = file
        self.path = part_path(file, folder)
        self.arrived_bytes = 0
        self._digest = file.digest()

    def restore(self) -> None:
        """Read what an earlier try left. Blocks for a second per gigabyte or so."""
        if not self.path.exists():
            return
        with self.path.open("rb") as left:
            while chunk := left.read(READ_BYTES):
                self._digest.update(chunk)
                self.arrived_bytes += len(chunk)
        if self.arrived_bytes > self.file.size_bytes:
            self.start_over()

    def take(self, out: Any, chunk: bytes) -> None:
        out.write(chunk)
        out.flush()
        self._digest.update(chunk)
        self.arrived_bytes += len(chunk)

    def start_over(self) -> None:
        self.path.unlink(missing_ok=True)
        self.arrived_bytes = 0
        self._digest = self.file.digest()

    def finish(self) -> None:
        """Check it, and give it its name. Raises WeightsDamaged; what arrived is then gone."""
        self.path.touch()
        found = self._digest.hexdigest()
        if self.arrived_bytes != self.file.size_bytes or found != self.file.checksum:
            self.start_over()
            raise WeightsDamaged(
                f"{self.file.name} arrived damaged (its checksum is {found[:12]}…, the hub's is "
                f"{self.file.checksum[:12]}…): start again, and it is fetched anew."
            )
        with self.path.open("rb") as whole:
            os.fsync(whole.fileno())
        self.path.replace(self.path.with_name(self.file.name))


def part_path(file: HubFile, folder: Path) -> Path:
    """Named by the checksum: the part of another version is never gone on with."""
    return folder / f"{file.name}.{file.checksum[:12]}.part"


@dataclass(frozen=True, slots=True)
class Transfer:
    """Fetches files over one client, in an event loop of its own: writing blocks it.

    `moved` is told of each change in the bytes that are there.
    """

    client: httpx.AsyncClient
    headers: Mapping[str, str]
    refused: Refused
    moved: Callable[[int], None]
    pauses_seconds: Sequence[float] = PAUSES_SECONDS

    async def fetch(self, url: str, file: HubFile, folder: Path) -> None:
        """Raises WeightsNotFetched, WeightsDamaged, OSError; what arrived is kept."""
        part = Part(file, folder)
        await asyncio.to_thread(part.restore)
        self.moved(part.arrived_bytes)
        pauses = iter(self.pauses_seconds)
        while (before := part.arrived_bytes) < file.size_bytes:
            try:
                await self._receive(url, part)
            except (httpx.RequestError, _TryAgain) as error:  # an endless redirect is one too
                if part.arrived_bytes > before:
                    pauses = iter(self.pauses_seconds)
                elif (pause := next(pauses, None)) is None:
                    raise unreachable(_reason(error)) from error
                else:
                    await asyncio.sleep(pause)
        await asyncio.to_thread(part.finish)

    async def _receive(self, url: str, part: Part) -> None:
        """Append what comes. Raises _TryAgain where the line ends in good order, but too early."""
        headers = {**self.headers, "Accept-Encoding": "identity"}
        if part.arrived_bytes:
            headers["Range"] = f"bytes={part.arrived_bytes}-"
        async with self.client.stream("GET", url, headers=headers) as response:
            self._refuse(response)
            if part.arrived_bytes and response.status_code != httpx.codes.PARTIAL_CONTENT:
                self.moved(-part.arrived_bytes)  # the server sends all of it again
                part.start_over()
            # As it comes: what is gathered into larger pieces first is lost with the line.
            with part.path.open("ab") as out:
                async for chunk in response.aiter_bytes():
                    part.take(out, chunk)
                    self.moved(len(chunk))
                    if part.arrived_bytes > part.file.size_bytes:
                        return  # not what was promised; `finish` says so
        if part.arrived_bytes < part.file.size_bytes:
            raise _TryAgain("it broke off")

    def _refuse(self, response: httpx.Response) -> None:
        if response.status_code in _AGAIN:
            raise _TryAgain(f"it answered {response.status_code}")
        if not response.is_success:
            raise self.refused(response.status_code, response.headers.get("X-Error-Code", ""))


class _TryAgain(Exception):
    """The server may do better in a moment."""


def _reason(error: Exception) -> str:
    # No text of the HTTP client's, which may hold a signed address.
    return str(error) if isinstance(error, _TryAgain) else type(error).__name__
