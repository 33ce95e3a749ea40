"""A clock for what goes on outside while this machine sleeps: a platform's pause, another's lease.
`time.monotonic` stands still then."""

from __future__ import annotations

import time

_CLOCK: int | None = getattr(time, "CLOCK_BOOTTIME", None)  # Linux alone has it


def boot_seconds() -> float:
    """Since the machine was started."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)
