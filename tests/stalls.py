"""`python -m tests.stalls [--seed N] [what pytest takes]`: pytest on a machine that stands still.

Every few seconds all that the tests run is stopped together for a second or some, as it happens on
a machine that others share, or one process of it alone, as it happens where more of them want to
run than there are cores. A test that fails of it asks how quick the machine is: let it wait for an
event instead, or give what it asks of more time. A test that means a limit of seconds may fail.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PAUSES = (3.0, 11.0)  # seconds between two stalls
OF_ALL = (1.2, 1.2, 2.5, 2.5, 4.5)  # more than most limits of ours; fewer than Postgres is given
OF_ONE = (0.3, 0.6, 1.2)


def stall(pytest: int, dice: random.Random) -> None:
    """Stop what pytest started, or one process of that, and go on with it."""
    running = [pid for pid in _below(pytest) if _runs(pid)]
    alone = dice.random() < 0.5
    if alone:
        running = dice.sample(running, min(len(running), 1))
    stopped = [pid for pid in running if _told(pid, signal.SIGSTOP)]
    time.sleep(dice.choice(OF_ONE if alone else OF_ALL))
    for pid in stopped:
        _told(pid, signal.SIGCONT)


def _below(pid: int) -> Iterator[int]:
    """Its children and theirs."""
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # it is gone
            for child in map(int, thread.read_text().split()):
                yield child
                yield from _below(child)


def _runs(pid: int) -> bool:
    """False where it is gone, or stands still by another's will: a test's, that looks at that."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2][1] != "T"
    return False


def _told(pid: int, number: signal.Signals) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stalls")
    parser.add_argument("--seed", type=int, default=0, help="of the stalls' times and lengths")
    given, for_pytest = parser.parse_known_args()
    dice = random.Random(given.seed)
    spread = ("-n", "3", "--dist", "loadgroup", "--no-loadscope-reorder")  # as `make test` has it
    with subprocess.Popen([sys.executable, "-m", "pytest", *spread, *for_pytest]) as pytest:
        while pytest.poll() is None:
            time.sleep(dice.uniform(*PAUSES))
            if pytest.poll() is None:
                stall(pytest.pid, dice)
    return pytest.returncode


if __name__ == "__main__":
    sys.exit(main())
