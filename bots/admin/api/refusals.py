"""What a program wanted to change and can't be, as the API refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from assistant.errors import ChangeRefused
from bots.http.failures import Refused

_GONE = frozenset({"no_person", "no_identity", "no_account", "quota_nobody", "not_listed"})


@contextmanager
def refused() -> Iterator[None]:
    """Raises Refused: 404 for what there is not, 409 for what can't be."""
    try:
        yield
    except ChangeRefused as error:
        status = 404 if error.code in _GONE else 409
        raise Refused(status, str(error), code=error.code) from error
