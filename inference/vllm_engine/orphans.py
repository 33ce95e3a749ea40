"""An engine process must not outlive the program that started it, even one killed with -9."""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import threading

_THREAD_NAME = "outrider-parent-watch"


def end_with_parent() -> None:
    """In a child of multiprocessing: kill this process as soon as its parent is gone.

    vLLM's engine core does not watch its parent. The kernel's own PR_SET_PDEATHSIG is no help:
    it fires when the *thread* that started the child ends, and ours is a thread that only builds
    the engine. The process also leaves the terminal's group, so that Ctrl-C reaches the program
    alone, which then ends its engine in order. In a process that is nobody's child of
    multiprocessing all this does nothing.
    """
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None or _is_watching():
        return
    os.setpgid(0, 0)
    try:
        handle = os.pidfd_open(parent.pid)
    except ProcessLookupError:
        os.kill(os.getpid(), signal.SIGKILL)
        return
    threading.Thread(target=_watch, args=(handle,), name=_THREAD_NAME, daemon=True).start()


def _is_watching() -> bool:
    return any(thread.name == _THREAD_NAME for thread in threading.enumerate())


def _watch(handle: int) -> None:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    poll.poll()
    os.kill(os.getpid(), signal.SIGKILL)
