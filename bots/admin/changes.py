"""What an admin's change was refused for, in the reader's language."""

from __future__ import annotations

from assistant.errors import ChangeRefused
from bots.admin.faults import Fault
from bots.admin.words import Words
from bots.http.failures import change_status


def sentence(words: Words, refused: ChangeRefused) -> str:
    """As the service says it in English where no word is written for it."""
    key = f"change.{refused.code}"
    return words(key, **refused.values) if key in words else str(refused)


def fault(words: Words, refused: ChangeRefused) -> Fault:
    """Where there is no form that could be shown again."""
    return Fault(change_status(refused), sentence=sentence(words, refused))
