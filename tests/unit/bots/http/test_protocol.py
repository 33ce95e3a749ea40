"""What a connection may send, over real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.types import Receive, Scope, Send

from bots.http.protocol import PatientProtocol
from bots.http.server import serve

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"
UPLOAD = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
PIECE = b"a" * 65536
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Answering:
    """Reads the request and answers it once it may."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.may = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.set()
        while (await receive()).get("more_body"):
            pass
        await self.may.wait()
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def serving(app: Answering) -> AsyncIterator[int]:
    bound = socket.create_server(("127.0.0.1", 0))
    bound.setblocking(False)
    running = asyncio.create_task(serve(app, bound))
    try:
        yield bound.getsockname()[1]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until_closed(connection: Connection) -> bytes:
    reader, writer = connection
    try:
        async with asyncio.timeout(60):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("begin", [b"GET /", HEAD, HEAD + b"X: ", UPLOAD + b"X: "])
async def test_a_head_without_end_is_cut_off(begin: bytes) -> None:
    async with serving(Answering()) as port:
        connection = await asyncio.open_connection("127.0.0.1", port)
        connection[1].write(begin)
        try:
            for _ in range(64):
                connection[1].write(PIECE)
                await connection[1].drain()
        except ConnectionError:
            pass
        assert b" 200 " not in await until_closed(connection)


async def test_a_body_may_be_longer_and_the_connection_goes_on() -> None:
    app = Answering()
    app.may.set()
    async with serving(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(HEAD.replace(b"GET", b"POST") + b"X: " + PIECE[:60000] + b"\r\n")
            writer.write(b"Content-Length: %d\r\n\r\n" % (8 * len(PIECE)) + 8 * PIECE)
            async with asyncio.timeout(60):
                await reader.readuntil(b"\r\n\r\nok")
        writer.close()


async def test_who_brings_no_request_is_let_go_and_who_waits_for_an_answer_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PatientProtocol, "head_seconds", 0.2)
    app = Answering()
    async with serving(app) as port:
        waiting = await asyncio.open_connection("127.0.0.1", port)
        waiting[1].write(HEAD + b"\r\n")
        await app.asked.wait()
        for begin in (b"", b"G", HEAD):
            silent = await asyncio.open_connection("127.0.0.1", port)
            silent[1].write(begin)
            assert await until_closed(silent) == b""
        app.may.set()
        await waiting[0].readuntil(b"\r\n\r\nok")
        waiting[1].write(HEAD)
        assert await until_closed(waiting) == b""


async def test_a_head_byte_by_byte_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PatientProtocol, "head_seconds", 0.2)
    async with serving(Answering()) as port:
        connection = await asyncio.open_connection("127.0.0.1", port)
        closed = asyncio.create_task(until_closed(connection))
        connection[1].write(HEAD + b"X: ")
        while not closed.done():
            connection[1].write(b"a")
            await asyncio.sleep(0.02)
        assert closed.result() == b""
