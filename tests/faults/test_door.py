"""Ten thousand requests at once: each gets an answer, or is told when to come back."""

from __future__ import annotations

import asyncio
import json
import resource
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.program import Program, stream

REQUESTS = 10_000
LIMITS = {"API__REQUESTS_AT_ONCE": "200", "ASSISTANT__PERSON_TURNS": "1000"}
SPARE = 500  # files that the test itself has open
BODY = json.dumps({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 3}).encode()


@pytest.fixture
def many_files():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] < REQUESTS + SPARE:
        pytest.skip(f"this system lets a process open {before[1]:,} files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def asked(host: str, port: int, key: str) -> tuple[int, bool]:
    """The status, and whether it says when to come back."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}:{port}\r\n"
            f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(BODY)}\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode() + BODY)
        answer = (await reader.read()).decode()
    finally:
        writer.close()
    return int(answer.split(" ", 2)[1]), "\r\nretry-after: " in answer


@pytest.mark.timeout(300)
async def test_ten_thousand_at_once_are_answered_or_told_to_come_back(
    outrider: Callable[..., Program], tmp_path: Path, many_files: None
) -> None:
    program = outrider(tmp_path / "data", settings=LIMITS)
    program.start()
    await program.until_ready()
    where = urlsplit(program.url)
    assert where.hostname
    assert where.port
    got = await asyncio.gather(
        *(asked(where.hostname, where.port, program.key) for _ in range(REQUESTS))
    )
    statuses = Counter(status for status, _ in got)
    assert statuses.keys() == {200, 429}
    assert statuses[200] >= 200
    assert all(says for status, says in got if status == 429)
    assert "".join([piece async for piece in stream(program, "Still there?")])
    assert "Traceback" not in program.output
