"""Guessing passwords must be slow: after a few failures each one doubles the wait."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

FREE_FAILURES = 5
LONGEST_WAIT_SECONDS = 300.0
_MOST_CLIENTS = 10_000


class Throttle:
    """Counts failures by client. In memory: a restart forgives, which costs a guesser more."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: dict[str, tuple[int, float]] = {}  # client -> (how many, of the last)

    def wait_seconds(self, client: str) -> float:
        """How long this client has to wait before its next try; 0 when it may try."""
        count, last = self._failures.get(client, (0, 0.0))
        return max(0.0, last + _pause(count) - self._clock())

    def failed(self, client: str) -> None:
        # Counted at the try, before the answer is known, so that parallel guesses count too.
        count, last = self._failures.pop(client, (0, 0.0))
        if last + 2 * LONGEST_WAIT_SECONDS < self._clock():
            count = 0
        if len(self._failures) >= _MOST_CLIENTS:
            self._failures.pop(next(iter(self._failures)))
        self._failures[client] = (count + 1, self._clock())

    def succeeded(self, client: str) -> None:
        self._failures.pop(client, None)


def network_of(address: str) -> str:
    """What counts as one client: of IPv6 the network (/64), since each household has all of its
    addresses to try from."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if known.version == 4:
        return address
    mapped = known.ipv4_mapped
    return str(mapped or ipaddress.ip_network((known, 64), strict=False))


def _pause(failures: int) -> float:
    if failures < FREE_FAILURES:
        return 0.0
    return min(2.0 ** min(failures - FREE_FAILURES, 20), LONGEST_WAIT_SECONDS)
