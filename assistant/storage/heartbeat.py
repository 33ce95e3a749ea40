"""The heartbeat: a thread that renews what this process holds, however busy its event loop is.

Turns, deliveries and named leases are held until a time on the database's clock. A process that
dies renews nothing; one whose event loop hangs for STALLED_SECONDS stops renewing, so that what
it holds goes to another either way.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import psycopg
import structlog
from psycopg.conninfo import make_conninfo

from assistant.storage.database import CONNECTING, NEVER_PREPARED, conninfo

log = structlog.get_logger()

STALLED_SECONDS = 60.0
BEATS = 4  # in the time of a lease

Kind = Literal["turn", "delivery", "lease"]
Key = tuple[Kind, str, int]  # what, its id or name, and the attempt

_UNTIL = "now() + make_interval(secs => %(seconds)s)"


def _renew(table: str, key: str, alive: str) -> str:
    """A row that another transaction holds for long (an erasure) is left for the next beat:
    waiting for it would cost everything else its lease."""
    mine = (
        f"SELECT {table}.{key} AS id, {table}.attempt FROM {table}"
        " JOIN unnest(%(ids)s::bigint[], %(attempts)s::int[]) AS held (id, attempt)"
        f" ON {table}.{key} = held.id AND {table}.attempt = held.attempt"
        f" WHERE {alive} AND lease_owner = %(owner)s"
    )
    return (
        f"WITH mine AS ({mine}), free AS ({mine} FOR NO KEY UPDATE OF {table} SKIP LOCKED),"
        f" renewed AS (UPDATE {table} SET lease_until = {_UNTIL} FROM free"
        f" WHERE {table}.{key} = free.id) SELECT id::text, attempt FROM mine"
    )


RENEW: dict[Kind, str] = {
    "turn": _renew("turns", "id", "state = 'running'"),
    "delivery": _renew("deliveries", "turn_id", "state IN ('active', 'removing')"),
    "lease": f"UPDATE leases SET until = {_UNTIL}"
    " WHERE name = ANY(%(ids)s) AND owner = %(owner)s RETURNING name, 0",
}


@dataclass(slots=True)
class Heartbeat:
    """`owner` is this process; `seconds` after its silence another may take what it holds."""

    database_url: str
    owner: str
    seconds: float
    _held: dict[Key, Callable[[], object]] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _end: threading.Event = field(default_factory=threading.Event, init=False)
    _loop_seen: float = field(default_factory=time.monotonic, init=False)
    _renewed: float = field(default_factory=time.monotonic, init=False)

    @contextmanager
    def holding(
        self, kind: Kind, name: int | str, attempt: int = 0, *, lost: Callable[[], object]
    ) -> Iterator[None]:
        """Renew for the block. `lost` is called, in the event loop, when another has it."""
        key = (kind, str(name), attempt)
        with self._lock:
            self._held[key] = lost
        try:
            yield
        finally:
            with self._lock:
                self._held.pop(key, None)

    async def run(self) -> None:
        """Beat until cancelled."""
        self._loop_seen = self._renewed = time.monotonic()
        loop = asyncio.get_running_loop()
        thread = threading.Thread(
            target=self._beat, args=(loop,), name="outrider-heartbeat", daemon=True
        )
        thread.start()
        try:
            await asyncio.Event().wait()
        finally:
            self._end.set()

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        """The thread."""
        connection: psycopg.Connection[Any] | None = None
        while not self._end.wait(self.seconds / BEATS):
            with suppress(RuntimeError):  # the loop is closed: the process ends
                loop.call_soon_threadsafe(self._saw_loop)
            if time.monotonic() - self._loop_seen > max(STALLED_SECONDS, 2 * self.seconds):
                continue
            try:
                connection = connection or self._connect()
                lost = self._renew(connection)
                self._renewed = time.monotonic()
            except Exception as error:  # whatever it is: a heart that stands still loses all
                log.warning("heartbeat_missed", error=type(error).__name__)
                if connection is not None:
                    connection.close()
                connection, lost = None, self._overdue()
            with suppress(RuntimeError):
                for key in lost:
                    loop.call_soon_threadsafe(self._lose, key)
        if connection is not None:
            connection.close()

    def _connect(self) -> psycopg.Connection[Any]:
        url = make_conninfo(conninfo(self.database_url), **CONNECTING)
        return psycopg.connect(url, autocommit=True, prepare_threshold=NEVER_PREPARED)

    def _renew(self, connection: psycopg.Connection[Any]) -> Sequence[Key]:
        """Returns what is not ours any more."""
        with self._lock:
            held = list(self._held)
        kinds: dict[Kind, list[Key]] = defaultdict(list)
        for key in held:
            kinds[key[0]].append(key)
        lost: list[Key] = []
        for kind, keys in kinds.items():
            values = {
                "ids": [name if kind == "lease" else int(name) for _, name, _ in keys],
                "attempts": [attempt for _, _, attempt in keys],
                "owner": self.owner,
                "seconds": self.seconds,
            }
            rows = connection.execute(RENEW[kind].encode(), values).fetchall()
            kept = {(kind, name, attempt) for name, attempt in rows}
            lost += [key for key in keys if key not in kept]
        return lost

    def _overdue(self) -> Sequence[Key]:
        """Named leases that another may have by now, since Postgres can't be asked."""
        if time.monotonic() - self._renewed < self.seconds:
            return []
        with self._lock:
            return [key for key in self._held if key[0] == "lease"]

    def _saw_loop(self) -> None:
        self._loop_seen = time.monotonic()

    def _lose(self, key: Key) -> None:
        with self._lock:
            lost = self._held.pop(key, None)
        if lost is not None:
            log.warning("lease_lost", kind=key[0], id=key[1], attempt=key[2])
            lost()
