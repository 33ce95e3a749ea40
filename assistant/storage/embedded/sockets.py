"""A short private folder for a server's sockets."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from assistant.errors import StartupError
from assistant.storage.embedded.folder import PRIVATE_MODE
from assistant.storage.embedded.lock import DataDirLock

# Linux' sockaddr_un holds 108 bytes, the last of them a zero.
SOCKET_PATH_BYTES = 107


def socket_folder(owner: Path, socket_name: str) -> Path:
    """An empty 0700 folder for the sockets of the server whose files are in `owner`.

    Its path is the same at each start, and short wherever `owner` lies. What an earlier server
    left in it is removed: call this only while holding the lock on `owner`.
    Raises StartupError where it can't be made, or is somebody else's.
    """
    folder = socket_folder_path(owner)
    if len(os.fsencode(folder / socket_name)) > SOCKET_PATH_BYTES:
        raise StartupError(f"The path {folder / socket_name} is too long for a socket.")
    try:
        folder.mkdir(mode=PRIVATE_MODE, exist_ok=True)
        _check_ours(folder)
        for left_over in folder.iterdir():
            left_over.unlink()
    except OSError as error:
        raise StartupError(
            f"The folder for sockets {folder} can't be used: {error.strerror}."
        ) from error
    return folder


def socket_folder_path(owner: Path) -> Path:
    """Where `socket_folder` is, untouched."""
    digest = hashlib.sha256(os.fsencode(owner.resolve())).hexdigest()[:12]
    return _short_place() / f"outrider-{os.geteuid()}-{digest}"


@asynccontextmanager
async def removing(folder: Path, lock: DataDirLock) -> AsyncIterator[None]:
    """Leave nothing in /tmp after the block; if the next server is there by then, leave it alone.

    `lock` is the one on the server's files. Whoever holds it may touch the folder, so it is taken
    once more, which also waits for the last process of a server that was killed.
    """
    try:
        yield
    finally:
        lock.release()
        with suppress(StartupError):
            await lock.acquire_without_blocking()
            _remove(folder)


def _remove(folder: Path) -> None:
    with suppress(OSError):
        for left_over in folder.iterdir():
            left_over.unlink()
        folder.rmdir()


def _short_place() -> Path:
    """Not first /run/user/…, which disappears when its user logs out: Outrider may outlive that."""
    for name in ("/tmp", os.environ.get("XDG_RUNTIME_DIR", "")):  # noqa: S108 - checked below
        if name and os.access(name, os.W_OK | os.X_OK):
            return Path(name)
    raise StartupError("There is no folder for sockets: neither /tmp nor $XDG_RUNTIME_DIR is open.")


def _check_ours(folder: Path) -> None:
    """The place is everybody's: a folder that somebody else laid there in advance is not ours."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise StartupError(f"The folder for sockets {folder} is not this user's: remove it.")
    if stat.S_IMODE(status.st_mode) != PRIVATE_MODE:
        folder.chmod(PRIVATE_MODE)
