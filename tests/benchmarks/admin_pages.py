"""Each page of the dashboard at a million messages: its time at the server, and its size.

The pages are those of the route table, over real HTTP on one connection; streams and downloads are
left out.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
from fastapi.routing import APIRoute

from assistant.storage import schema
from assistant.storage.embedded import embedded_postgres, embedded_valkey
from bots.admin.app import demands
from tests.benchmarks.table import Effort, Row, Table, Target
from tests.support.admin_house import AdminHouse, admin_house
from tests.support.filling import fill
from tests.support.house import house

MESSAGES, QUICK_MESSAGES = 1_000_000, 20_000
SECONDS = Target("at most", 0.1)
KILOBYTES = Target("at most", 100)
WARM_UP = 2
# What stands in an address where the page is of one thing; else "1".
SAMPLES = {
    "turn_id": "5003",
    "conversation_id": "7",
    "person_id": "7",
    "day": "2026-01-01",
    "name": "teacher",
    "setting": "system_prompt",
}
# Searched for, as somebody would: with a slip of the keys.
QUERIES = {"/admin/conversations": "?q=captial+of+country+4711"}
PAGES = ("text/html",)  # not what is downloaded


async def measure(effort: Effort) -> Table:
    messages = QUICK_MESSAGES if effort.quick else MESSAGES
    rows: list[Row] = []
    async with _filled(messages) as admin:
        for path in _pages(admin):
            rows += await _measured(admin, path, effort.repetitions(20, 2))
    return Table(
        f"The dashboard's pages at {messages:,} messages",
        rows,
        ["from the request to the last byte, over HTTP on this machine; the third time on"],
    )


@asynccontextmanager
async def _filled(messages: int) -> AsyncIterator[AdminHouse]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        async with (
            embedded_postgres(place) as url,
            embedded_valkey(place) as redis,
        ):
            await schema.upgrade(url)
            await asyncio.to_thread(_fill, url, messages)
            async with house(url, redis) as lived, admin_house(lived) as admin:
                yield admin


def _fill(url: str, messages: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        fill(connection, messages)


def _pages(admin: AdminHouse) -> list[str]:
    found = []
    for route in admin.app.routes:
        if not isinstance(route, APIRoute) or "GET" not in route.methods:
            continue
        inside = route.path.startswith("/admin/") and list(demands(route.dependant))
        if inside and not re.search(r"{path:path}|/live$|\.(csv|json|md)$|/export", route.path):
            found.append(re.sub(r"{(\w+)}", lambda one: SAMPLES.get(one[1], "1"), route.path))
    return sorted({path + QUERIES.get(path, "") for path in found} | set(found))


async def _measured(admin: AdminHouse, path: str, times: int) -> list[Row]:
    seconds: list[float] = []
    size = 0
    for _ in range(WARM_UP + times):
        began = time.perf_counter()
        async with admin.clients["admin"].stream("GET", path) as answer:
            if not answer.headers.get("content-type", "").startswith(PAGES):
                return []
            size = len(await answer.aread())
        seconds.append(time.perf_counter() - began)
    note = "" if answer.status_code == 200 else f" ({answer.status_code})"
    return [
        Row(f"{path}{note}", "s", seconds[WARM_UP:], SECONDS),
        Row(f"{path}{note}, size", "kB", [size / 1000], KILOBYTES),
    ]
