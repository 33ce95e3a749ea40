"""Seconds of processor time that our processes have used so far. Linux, by /proc."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from inference.processes import with_descendants


def seconds_by_kind(kinds: Mapping[str, str]) -> Mapping[str, float]:
    """Of this process's descendants; `kinds` says what of a command line makes which kind."""
    used: dict[str, float] = defaultdict(float)
    for one in with_descendants([os.getpid()]):
        with suppress(OSError):  # it has ended meanwhile
            command = Path(f"/proc/{one.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            kind = next((kinds[part] for part in kinds if part in command), None)
            if kind is not None:
                used[kind] += _seconds(one.pid)
    return used


def _seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    user, system = fields[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
