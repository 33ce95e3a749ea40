"""What an admin wanted to change and can't be, in the words of the dashboard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from assistant.errors import ChangeRefused
from bots.admin.faults import Fault

_GONE = frozenset({"no_person", "no_identity", "no_account", "quota_nobody"})


@contextmanager
def refused_in_words() -> Iterator[None]:
    """What the service refuses inside becomes a page, in the reader's language."""
    try:
        yield
    except ChangeRefused as refused:
        status = 404 if refused.code in _GONE else 409
        raise Fault(status, f"people.refused.{refused.code}", **refused.values) from refused
