"""The zygote: imports everything once and forks a process on each request.

`python -m tests.faults.matrix.zygote FD`: FD is a socket. Each packet is a child's Spec as JSON,
with the child's control socket attached; the answer is its pid. It ends with the socket's other
end. A start of Python with all of Outrider's imports takes more than a second of a core, a fork a
few milliseconds.
"""

from __future__ import annotations

import array
import ctypes
import gc
import json
import os
import signal
import socket
import sys
from importlib import import_module

from tests.faults.matrix.child import PR_SET_PDEATHSIG, Spec, become

PACKET_BYTES = 65536
# What a process would import when it starts.
NEEDED = (
    *("bots.app", "bots.logging", "inference.scripted", "httpcore", "pydantic.v1", "certifi"),
    *("uvicorn.protocols.http.auto", "uvicorn.protocols.websockets.auto", "uvicorn.lifespan.off"),
    *("anyio._backends._asyncio", "anyio.streams.tls", "encodings.idna"),
)


def main() -> None:
    for name in NEEDED:
        import_module(name)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    requests = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the children
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.collect()
    gc.freeze()  # so that children share these pages
    while True:
        packet, descriptors, _, _ = socket.recv_fds(requests, PACKET_BYTES, 1)
        if not packet:
            return
        control = socket.socket(fileno=array.array("i", descriptors)[0])
        pid = _fork(Spec(**json.loads(packet)), control, requests)
        control.close()
        requests.send(str(pid).encode())


def _fork(spec: Spec, control: socket.socket, requests: socket.socket) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        requests.close()
        become(spec, control, parent)
    return pid


if __name__ == "__main__":
    main()
