"""What an admin decided is known everywhere within seconds; here at once."""

from __future__ import annotations

from assistant.incoming.entry import SECONDS
from assistant.incoming.spending import ACCOUNT_SECONDS, KINDS_SECONDS
from tests.support.house import House


def look_again(home: House) -> None:
    """As if the seconds had passed for which quotas, what was used, and who may talk are kept."""
    admission, later = home.service.admission, SECONDS + KINDS_SECONDS + ACCOUNT_SECONDS
    for one in (admission.spending, admission.access.entries):
        one.clock = _ahead(one.clock, later)


def _ahead(clock, seconds):  # type: ignore[no-untyped-def]
    return lambda: clock() + seconds
