"""A secret that is made once and kept in a file that only its owner reads."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from assistant.errors import StartupError


def load_or_create(path: Path, make: Callable[[], str]) -> str:
    """The file's one line, written first where it is missing; two that start at once agree.

    Raises StartupError when it can't be read or written, or is empty.
    """
    try:
        if not path.exists():
            _create(path, make())
        content = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(f"{path} can't be used: {error}.") from error
    if not content:
        raise StartupError(f"{path} is empty: delete it, and it is made anew.")
    return content


def load_or_create_secret(path: Path) -> bytes:
    """32 random bytes that outlive a restart; what signs sign-ins."""
    content = load_or_create(path, lambda: secrets.token_hex(32))
    try:
        return bytes.fromhex(content)
    except ValueError:
        raise StartupError(f"{path} is damaged: delete it, and it is made anew.") from None


def _create(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content + "\n")
            file.flush()
            os.fsync(descriptor)
        # A link, not a rename: whoever comes second must not replace the first one's secret.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
