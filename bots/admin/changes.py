"""What an admin's change was refused for, in the reader's language."""

from __future__ import annotations

from assistant.errors import ChangedMeanwhile, ChangeRefused
from bots.admin.faults import Fault
from bots.admin.words import Words

_GONE = ("_gone", "_unknown")


def sentence(words: Words, refused: ChangeRefused) -> str:
    """As the service says it in English where no word is written for it."""
    key = f"change.{refused.code}"
    return words(key, **refused.values) if key in words else str(refused)


def status(refused: ChangeRefused) -> int:
    if isinstance(refused, ChangedMeanwhile):
        return 409
    return 404 if refused.code.endswith(_GONE) else 400


def fault(words: Words, refused: ChangeRefused) -> Fault:
    """Where there is no form that could be shown again."""
    return Fault(status(refused), sentence=sentence(words, refused))
