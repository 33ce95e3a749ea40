"""Private folders in the data directory."""

from __future__ import annotations

from pathlib import Path

from assistant.errors import StartupError

PRIVATE_MODE = 0o700


def unwritable(data_dir: Path, error: OSError) -> StartupError:
    return StartupError(
        f"The data directory {data_dir} can't be written ({error.strerror}): make it writable for "
        "this user, or name another one with OUTRIDER_DATA_DIR."
    )


def make_private(folder: Path) -> Path:
    """Make `folder` (and its parents) if need be, readable by this user alone.

    Modes of folders that were there already are left alone. Raises OSError.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=PRIVATE_MODE, exist_ok=True)
    return folder
