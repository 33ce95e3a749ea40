"""One Outrider per data directory."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from assistant.errors import StartupError
from assistant.storage.embedded.folder import make_private, unwritable

_POLL_SECONDS = 0.05


class DataDirLock:
    """An exclusive `flock` on a data directory, which the kernel drops with its last holder.

    `with DataDirLock(data_dir): …`. The file names the holder's pid for people; the lock is
    what counts, so a file that was left behind means nothing. When another Outrider that is alive
    holds it, that is said at once; when only something that a dead one started still has it (a
    server that is shutting down), up to `patience_seconds` are waited.
    Raises StartupError, with one sentence: in use (and by which process), or not writable.
    """

    def __init__(
        self, data_dir: Path, name: str = "outrider.lock", patience_seconds: float = 15.0
    ) -> None:
        self.data_dir = data_dir.absolute()
        self._path = self.data_dir / name
        self._patience_seconds = patience_seconds
        self._fd: int | None = None

    def acquire(self) -> None:
        """Blocks up to `patience_seconds`."""
        for _ in self._attempts():
            time.sleep(_POLL_SECONDS)

    async def acquire_without_blocking(self) -> None:
        """Like `acquire`, for a running event loop."""
        for _ in self._attempts():
            await asyncio.sleep(_POLL_SECONDS)

    def release(self) -> None:
        """Let go. A child that was given `fileno()` keeps the lock until it ends."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def fileno(self) -> int:
        """The descriptor to hand to a child that shall hold the lock too."""
        if self._fd is None:
            raise ValueError("the lock is not held")
        return self._fd

    def __enter__(self) -> DataDirLock:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _attempts(self) -> Iterator[None]:
        """Yields whenever the caller shall wait a moment; ends when the lock is held."""
        fd = self._open()
        deadline = time.monotonic() + self._patience_seconds
        try:
            while not _try_lock(fd):
                holder = _read_pid(fd)
                if _busy(holder) or time.monotonic() > deadline:
                    raise self._in_use(holder)
                yield
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
            self._fd = fd
        except OSError as error:
            raise unwritable(self.data_dir, error) from error
        finally:
            if self._fd != fd:
                os.close(fd)

    def _open(self) -> int:
        try:
            make_private(self.data_dir)
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise unwritable(self.data_dir, error) from error

    def _in_use(self, holder: int | None) -> StartupError:
        who = f"process {holder}" if holder is not None else "another process"
        return StartupError(
            f"The data directory {self.data_dir} is in use by another Outrider ({who}): stop that "
            "one, or name another directory with OUTRIDER_DATA_DIR."
        )


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_pid(fd: int) -> int | None:
    """None in the moment between a holder's lock and its first write, too."""
    try:
        return int(os.pread(fd, 32, 0))
    except ValueError:
        return None


def _busy(holder: int | None) -> bool:
    """Another program that is alive. This one holds the lock only through a server it lost."""
    return holder is not None and holder != os.getpid() and _alive(holder)


def _alive(pid: int) -> bool:
    """A killed process whose parent did not fetch its status yet is not alive."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")
