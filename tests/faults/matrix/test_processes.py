from __future__ import annotations

import array
import asyncio
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator

import pytest

from tests.faults.matrix.child import Spec
from tests.faults.matrix.processes import Post, Zygote

FORK_SECONDS = 0.2
# Its standard input is the control socket.
LIVE = """echo '{"done": true}' >&0; exec sleep 60 >&-"""
SPEC = Spec("gateway", "/", "/dev/null", {})


def fork_slowly(requests: socket.socket) -> None:
    """The zygote's part, with a process that only lives, on a machine that is busy."""
    processes = []
    while True:
        packet, descriptors, _, _ = socket.recv_fds(requests, 65536, 1)
        if not packet:
            break
        with socket.socket(fileno=array.array("i", descriptors)[0]) as control:
            processes.append(subprocess.Popen(["sh", "-c", LIVE], stdin=control, close_fds=True))
        time.sleep(FORK_SECONDS)
        requests.send(str(processes[-1].pid).encode())
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
async def slow_zygote() -> AsyncIterator[Zygote]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    thread = threading.Thread(target=fork_slowly, args=[theirs])
    thread.start()
    yield Zygote(ours)
    ours.close()
    await asyncio.to_thread(thread.join)
    theirs.close()


@pytest.mark.timeout(20)
async def test_a_post_that_ends_amid_a_fork_leaves_the_next_its_own_process(
    slow_zygote: Zygote,
) -> None:
    first = Post(slow_zygote, SPEC, restart_seconds=0.0)
    await first.begin()
    first.now.kill()
    await first.now.ended.wait()
    await asyncio.sleep(FORK_SECONDS / 2)
    await first.end()

    second = Post(slow_zygote, SPEC)
    await second.begin()
    await second.end()
