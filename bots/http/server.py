"""The HTTP server: the port is taken first, so that one in use is said before anything starts."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from assistant.errors import StartupError
from bots.http.protocol import PatientProtocol

BACKLOG = 4096  # connections that wait to be taken in; the system may allow fewer
LOCAL = ("127.0.0.1", "::1")  # a proxy on this machine is believed without being named
STOP_SECONDS = 2  # streams that are still open after so long are cut


def listen(host: str, port: int, setting: str = "OUTRIDER_PORT") -> socket.socket:
    """A bound socket. Raises StartupError when the address is in use or not this machine's.

    `setting` is the one that a person changes then.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # With the protocol named, asyncio sets TCP_NODELAY: no token waits for the next.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(address)
            bound.listen(BACKLOG)
        except OSError:
            bound.close()
            raise
    except OSError as error:
        reason = "is in use by another program" if error.errno == 98 else f"can't be used: {error}"
        raise StartupError(
            f"Port {port} on {host} {reason}. Stop what uses it, or set {setting} to another."
        ) from error
    bound.setblocking(False)
    return bound


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the process's signals belong to the composition root


def allow_connections() -> None:
    """As many open files as the system lets us have: each connection is one, and 1,024 are usual.

    Where there are none left, the server would take in nobody for a second, also no platform.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def serve(app: ASGIApp, bound: socket.socket, proxies: Sequence[str] = ()) -> None:
    """Serve until cancelled; then let what runs end, for STOP_SECONDS.

    `proxies`: who besides this machine is believed whom a request comes from, and by which scheme.
    """
    allow_connections()
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        forwarded_allow_ips=[*LOCAL, *proxies],
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=64 * 1024,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        await asyncio.shield(serving)
    finally:
        # From here on streams are cut, which is no error.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        server.should_exit = True
        await asyncio.wait({serving}, timeout=STOP_SECONDS + 1)
        serving.cancel()
