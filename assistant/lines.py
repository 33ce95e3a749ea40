"""Lines: how the ways in of our accounts stand with their platforms.

Whoever runs a way in tells its `Line`. Each gateway says all of its lines to the others, and writes
down what is to be known after a start as well: when something came last, and the last error.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from assistant.errors import StorageUnavailable
from assistant.signals import LINES, Signals
from assistant.storage.database import Database

ANNOUNCE_SECONDS = 2.0
WRITE_SECONDS = 10.0
ERROR_CHARACTERS = 300
EVERY = ""  # in place of an account: one line for all that have none of their own

# `standby`: another replica has it. `refused`: the platform knows us no more, and it stays off.
LineState = Literal["standby", "opening", "open", "down", "refused"]
Way = Literal["polling", "socket", "webhook", "page"]

# What a line for every account tells is told of each. Two gateways may say it at once.
KEEP = """
WITH said AS (
    SELECT * FROM jsonb_to_recordset(CAST(%(said)s AS jsonb)) AS said
        (channel text, account text, heard double precision, error text, failed double precision)
), each AS (
    SELECT accounts.id, min(heard) AS heard, min(failed) AS failed,
        (array_agg(error ORDER BY failed))[1] AS error
    FROM accounts JOIN said
        ON said.channel = accounts.channel AND said.account IN (accounts.name, '')
    GROUP BY accounts.id
)
INSERT INTO channel_states (account_id, heard_at, error, failed_at)
SELECT id, now() - make_interval(secs => heard),
    CASE WHEN failed IS NULL THEN '' ELSE error END, now() - make_interval(secs => failed)
FROM each WHERE heard IS NOT NULL OR failed IS NOT NULL ORDER BY id
ON CONFLICT (account_id) DO UPDATE SET
    heard_at = greatest(channel_states.heard_at, excluded.heard_at),
    failed_at = greatest(channel_states.failed_at, excluded.failed_at),
    error = CASE WHEN excluded.failed_at > coalesce(channel_states.failed_at, '-infinity')
        THEN excluded.error ELSE channel_states.error END
"""


@dataclass(frozen=True, slots=True)
class LineReport:
    """What a gateway says of one of its lines. `failures`: since its start."""

    channel: str
    account: str
    way: Way
    state: LineState
    state_seconds: float
    error: str = ""
    error_seconds: float | None = None  # so long ago
    heard_seconds: float | None = None
    failures: int = 0
    gateway: str = ""


@dataclass(slots=True)
class Line:
    """Of one account in this process, or of EVERY account of a channel."""

    channel: str
    account: str
    way: Way
    clock: Callable[[], float] = time.monotonic  # seconds
    state: LineState = field(default="standby", init=False)
    error: str = field(default="", init=False)
    failures: int = field(default=0, init=False)
    _since: float = field(init=False)
    _failed: float | None = field(default=None, init=False)
    _heard: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._since = self.clock()

    def become(self, state: LineState) -> None:
        """What went wrong is told by `fail`."""
        if state != self.state:
            self.state, self._since = state, self.clock()

    def fail(self, error: str, state: LineState = "down") -> None:
        """`error` is a sentence for an admin. It bears no token and nothing that people wrote."""
        self.become(state)
        self.error = error.replace("\0", "")[:ERROR_CHARACTERS]
        self.failures += 1
        self._failed = self.clock()

    def hear(self) -> None:
        """Something came from the platform."""
        self._heard = self.clock()

    def report(self, gateway: str) -> LineReport:
        return LineReport(
            channel=self.channel,
            account=self.account,
            way=self.way,
            state=self.state,
            state_seconds=self._ago(self._since) or 0.0,
            error=self.error,
            error_seconds=self._ago(self._failed),
            heard_seconds=self._ago(self._heard),
            failures=self.failures,
            gateway=gateway,
        )

    def _ago(self, moment: float | None) -> float | None:
        return None if moment is None else round(self.clock() - moment, 1)


@dataclass(slots=True)
class Lines:
    """Those of this process."""

    clock: Callable[[], float] = time.monotonic  # seconds
    _open: dict[tuple[str, str], Line] = field(default_factory=dict, init=False)
    # Of accounts without a line of their own.
    _heard: dict[tuple[str, str], float] = field(default_factory=dict, init=False)

    def open(self, channel: str, account: str, way: Way) -> Line:
        """The account's line; another one, where its channel was opened anew."""
        line = self._open[channel, account] = Line(channel, account, way, self.clock)
        return line

    def hear(self, channel: str, account: str) -> None:
        """Something came for this account, by whichever line."""
        line = self._open.get((channel, account))
        if line is None:
            self._heard[channel, account] = self.clock()
        else:
            line.hear()

    def reports(self, gateway: str) -> Sequence[LineReport]:
        return [line.report(gateway) for line in self._open.values()]

    def to_keep(self, seconds: float) -> Sequence[dict[str, object]]:
        """What was heard, and failed, in these last seconds: how long ago, by account."""
        now = self.clock()
        heard = {place: now - moment for place, moment in self._heard.items()}
        kept: list[dict[str, object]] = [
            {"channel": channel, "account": account, "heard": ago}
            for (channel, account), ago in heard.items()
            if ago <= seconds
        ]
        for one in self.reports(""):
            if min(_or_never(one.heard_seconds), _or_never(one.error_seconds)) <= seconds:
                kept.append(
                    {
                        "channel": one.channel,
                        "account": one.account,
                        "heard": one.heard_seconds,
                        "error": one.error,
                        "failed": one.error_seconds,
                    }
                )
        return kept


@dataclass(slots=True)
class LineReports:
    """Says and writes down what this gateway's lines are."""

    gateway: str
    lines: Lines
    signals: Signals
    database: Database
    clock: Callable[[], float] = time.monotonic  # seconds
    _written: float = field(default=float("-inf"), init=False)

    async def run(self) -> None:
        """Until cancelled; then this gateway's lines are gone."""
        try:
            while True:
                await self.announce()
                if self.clock() - self._written >= WRITE_SECONDS:
                    with suppress(StorageUnavailable, TimeoutError):
                        await self.write()
                await asyncio.sleep(ANNOUNCE_SECONDS)
        finally:
            await self.signals.unsay(LINES, self.gateway)

    async def announce(self) -> None:
        reports = [asdict(one) for one in self.lines.reports(self.gateway)]
        await self.signals.say(LINES, self.gateway, reports)

    async def write(self) -> None:
        """What is new. Raises StorageUnavailable; then it is written with the next."""
        began = self.clock()
        if kept := self.lines.to_keep(began - self._written + 1.0):
            await self.database.rows(KEEP, {"said": json.dumps(kept)})
        self._written = began


def _or_never(seconds: float | None) -> float:
    return math.inf if seconds is None else seconds


async def reported(signals: Signals) -> Sequence[LineReport]:
    """Every gateway's lines, as far as it said lately. Without Redis nothing is known."""
    return [_report(one) for said in await signals.said(LINES) for one in said]


def _report(value: dict[str, Any]) -> LineReport:
    """A gateway of another version may say less, or more."""
    names = {one.name for one in fields(LineReport)}
    return LineReport(**{name: given for name, given in value.items() if name in names})
