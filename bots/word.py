"""The word of a running process: what it says of itself, in a file of the data directory, for the
commands that are run beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def leave_word(path: Path, said: Mapping[str, object]) -> None:
    """Whole or not at all, for whoever reads it meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps({"pid": os.getpid(), **said}), encoding="utf-8")
    draft.replace(path)


def read_word(path: Path) -> dict[str, Any] | None:
    """Of a process that still runs, or None: a killed one leaves its word behind."""
    try:
        said = json.loads(path.read_text("utf-8"))
        os.kill(int(said["pid"]), 0)
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
    return dict(said)


def remove_word(path: Path) -> None:
    path.unlink(missing_ok=True)
