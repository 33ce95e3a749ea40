"""The script that becomes a server whose life is tied to its owner's.

    python -I -S launch.py OWNER_PID DEATH_SIGNAL PROGRAM [ARGUMENT…]

A program of its own, and not a `preexec_fn`, because the owner has threads and Python must not run
between fork and exec of such a process. It imports nothing of Outrider.

The kernel sends DEATH_SIGNAL when the *thread* that forked this process ends, so whoever starts it
does so from a thread that lives as long as the server should: the event loop's.

PostgreSQL refuses to run as root. With LEAVE_ROOT in front of the program's name, root enters a
user namespace in which it is an ordinary user; its files stay root's outside.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

LEAVE_ROOT = "--leave-root"
ROOT_BARRED = 77  # exit status: this system does not let root into a user namespace
OWNER_GONE = 78

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
_UID_INSIDE = 1000


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _leave_root(libc: ctypes.CDLL) -> None:
    outside = os.geteuid()
    _check(libc.unshare(_CLONE_NEWUSER))
    Path("/proc/self/uid_map").write_text(f"{_UID_INSIDE} {outside} 1", encoding="ascii")


def _restore_signals() -> None:
    """Undo what Python, the owner, and who started it in the background did to signals: a server
    expects the defaults."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) is not None:  # else the C library's own
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def main(arguments: list[str]) -> int:
    """Does not return where all goes well."""
    owner, death_signal, *command = arguments
    libc = ctypes.CDLL(None, use_errno=True)
    if command[0] == LEAVE_ROOT:
        command = command[1:]
        try:
            _leave_root(libc)
        except OSError as error:
            sys.stderr.write(f"root can't enter a user namespace: {error.strerror}\n")
            return ROOT_BARRED
    # After the namespace: a change of credentials may forget the signal.
    _check(libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0))
    if os.getppid() == int(owner):
        _restore_signals()
        os.execv(command[0], command)  # noqa: S606 - becoming the server is the point
    return OWNER_GONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
