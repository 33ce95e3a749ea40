"""All files of a model from the hub, fetched once and whole.

The first request pins the commit: what is broken off goes on with the same files, however the model
on the hub moves on. When all are there and checked, the manifest says so, and from then on a start
asks the network nothing.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import structlog

from inference.api import Progress
from inference.errors import EngineError, WeightsNotFetched
from inference.profiles import Licence
from inference.weights.hub import Hub, HubFile, HubModel
from inference.weights.manifest import is_fetched, pinned, write_manifest
from inference.weights.source import OnHub
from inference.weights.transfer import PAUSES_SECONDS, Transfer, part_path

NOTICE = "NOTICE.outrider.txt"
TOGETHER = 4  # files; one line alone rarely fills a server's network
TELL_SECONDS = 0.2
SILENCE_SECONDS = 30.0
SPARE_BYTES = 1 << 30  # for everything else on that disk

log = structlog.get_logger()


def fetch(
    source: OnHub,
    data_dir: Path,
    hub: Hub,
    licence: Licence | None,
    progress: Progress,
    pauses_seconds: Sequence[float] = PAUSES_SECONDS,
) -> Path:
    """The folder with the whole model. Blocks, for as long as that takes; at once if it is there.

    `progress` is called from this thread all the while and may raise to give up; what was fetched
    stays for the next time. Raises WeightsNotFetched, WeightsDamaged.
    """
    folder = source.folder(data_dir)
    if is_fetched(source, data_dir):
        return folder
    progress(f"asking the hub for {source.repo}", None)
    model = hub.model(source.repo, pinned(source, data_dir))
    work = _Fetch(model, folder, hub, progress, pauses_seconds)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder, progress):
            if not is_fetched(source, data_dir):
                _fetch(work, licence)
    except OSError as error:
        raise work.in_words(error) from error
    return folder


def _fetch(work: _Fetch, licence: Licence | None) -> None:
    write_manifest(work.model, work.folder, complete=False)
    work.require_room()
    try:
        asyncio.run(work.run())
    except BaseExceptionGroup as group:
        raise _first(group) from group
    if licence is not None and licence.notice:
        (work.folder / NOTICE).write_text(licence.notice + "\n", encoding="utf-8")
    write_manifest(work.model, work.folder, complete=True)
    log.info("weights_fetched", model=work.model.repo, commit=work.model.commit)


@dataclass(slots=True)
class _Fetch:
    """One go at a model; `_there_bytes` counts what lies on the disk of all its files."""

    model: HubModel
    folder: Path
    hub: Hub
    progress: Progress
    pauses_seconds: Sequence[float]
    _there_bytes: int = 0
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(TOGETHER))

    def require_room(self) -> None:
        """Raises WeightsNotFetched where the disk can't take what is missing."""
        missing = missing_bytes(self.model, self.folder)
        free = free_bytes(self.folder)
        if missing and missing + SPARE_BYTES > free:
            raise self._no_room(missing + SPARE_BYTES, free)

    async def run(self) -> None:
        timeout = httpx.Timeout(SILENCE_SECONDS, connect=10.0)
        async with httpx.AsyncClient(timeout=timeout, follow_redirects=True) as client:
            transfer = Transfer(
                client, self.hub.headers(), self._refused, self._moved, self.pauses_seconds
            )
            async with asyncio.TaskGroup() as group:
                telling = group.create_task(self._tell())
                async with asyncio.TaskGroup() as files:
                    for file in self.model.files:
                        files.create_task(self._one(transfer, file))
                telling.cancel()

    async def _one(self, transfer: Transfer, file: HubFile) -> None:
        async with self._slots:
            if _is_there(file, self.folder):
                self._moved(file.size_bytes)
                return
            await transfer.fetch(self.hub.url(self.model, file), file, self.folder)
        log.info(
            "weights_file_checked",
            file=file.name,
            size_bytes=file.size_bytes,
            checksum=file.checksum,
        )

    async def _tell(self) -> None:
        """Also how a fetch is given up: `progress` raises."""
        total = max(self.model.size_bytes, 1)
        line = f"fetching {self.model.repo} ({total / 1e9:.1f} GB)"
        while True:
            self.progress(line, min(self._there_bytes / total, 1.0))
            await asyncio.sleep(TELL_SECONDS)

    def _moved(self, count: int) -> None:
        self._there_bytes += count

    def _refused(self, status: int, code: str) -> EngineError:
        return self.hub.refused(self.model.repo, status, code)

    def in_words(self, error: OSError) -> WeightsNotFetched:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            missing = missing_bytes(self.model, self.folder)
            return self._no_room(missing + SPARE_BYTES, free_bytes(self.folder))
        return WeightsNotFetched(
            f"{self.model.repo} can't be written into {self.folder} ({error.strerror}): make it "
            "writable, or point OUTRIDER_DATA_DIR elsewhere."
        )

    def _no_room(self, needed: int, free: int) -> WeightsNotFetched:
        return WeightsNotFetched(
            f"{self.model.repo} needs {needed / 1e9:.1f} GB more of disk in {self.folder} and "
            f"{free / 1e9:.1f} GB are free: free {(needed - free) / 1e9:.1f} GB, or point "
            "OUTRIDER_DATA_DIR at another disk."
        )


def missing_bytes(model: HubModel, folder: Path) -> int:
    """What is still to be fetched of all its files."""
    return sum(_missing_bytes(file, folder) for file in model.files)


def _missing_bytes(file: HubFile, folder: Path) -> int:
    if _is_there(file, folder):
        return 0
    part = part_path(file, folder)
    return file.size_bytes - (part.stat().st_size if part.is_file() else 0)


def _is_there(file: HubFile, folder: Path) -> bool:
    """Checked before it got its name, so its size suffices."""
    path = folder / file.name
    return path.is_file() and path.stat().st_size == file.size_bytes


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def free_bytes(folder: Path) -> int:
    """On the disk that `folder` is on, or will be."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    return shutil.disk_usage(there).free


@contextmanager
def _alone(folder: Path, progress: Progress) -> Iterator[None]:
    """One process fetches at a time; others wait for what it fetches. Nothing is left by a kill."""
    with (folder / ".lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                progress("waiting for another process that fetches the model", None)
                time.sleep(TELL_SECONDS)
        yield
