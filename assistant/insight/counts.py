"""Turns, messages, tokens and thumbs, counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from assistant.insight.cells import ALL, ALL_VERSIONS, COUNTED, COUNTS
from assistant.insight.group import Group, Place
from assistant.storage.database import Database

_NAMES = ", ".join(COUNTS)
_CELLS = f"""
    SELECT day, channel, persona, persona_version, {_NAMES} FROM figures
    WHERE day >= %(first)s AND day <= %(kept_until)s
    UNION ALL SELECT day, channel, persona, persona_version, {_NAMES} FROM ({COUNTED}) AS live
"""
# Of each period, of each group, of both, and of all.
SUMS = f"""
SELECT period, group_name, group_version, grouping(period) = 0 AS one_period,
    grouping(group_name) = 0 AS one_group,
    {", ".join(f"CAST(sum({one}) AS bigint) AS {one}" for one in COUNTS)}
FROM (
    SELECT CAST(date_trunc(%(period)s, CAST(day AS timestamp)) AS date) AS period,
        CASE CAST(%(by)s AS text) WHEN 'channel' THEN channel WHEN '' THEN '' ELSE persona END
            AS group_name,
        CASE CAST(%(by)s AS text) WHEN 'version' THEN persona_version ELSE {ALL_VERSIONS} END
            AS group_version, {_NAMES}
    FROM ({_CELLS}) AS cells
    WHERE %(channel)s IN ('{ALL}', channel) AND %(persona)s IN ('{ALL}', persona)
        AND %(version)s IN ({ALL_VERSIONS}, persona_version)
) AS chosen
GROUP BY GROUPING SETS (
    (), (period), (group_name, group_version), (period, group_name, group_version))
"""
# Whatever was chosen: what the span has at all.
KNOWN = f"""
SELECT DISTINCT channel, persona, persona_version FROM ({_CELLS}) AS cells
ORDER BY channel, persona, persona_version
"""


@dataclass(frozen=True, slots=True)
class Counts:
    done: int = 0
    stopped: int = 0
    cancelled: int = 0
    failed: int = 0
    messages: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    thumbs_up: int = 0
    thumbs_down: int = 0

    @property
    def turns(self) -> int:
        return self.done + self.stopped + self.cancelled + self.failed

    @property
    def liked(self) -> float | None:
        """The share of thumbs that are up; None where there are none."""
        return _share(self.thumbs_up, self.thumbs_up + self.thumbs_down)

    @property
    def lost(self) -> float | None:
        """The share of turns that failed."""
        return _share(self.failed, self.turns)

    @property
    def cached(self) -> float | None:
        """The share of prompt tokens that needed no prefill."""
        return _share(self.cached_tokens, self.prompt_tokens)


async def sums(database: Database, values: Mapping[str, object]) -> Mapping[Place, Counts]:
    """Of what was chosen; empty where there is nothing. See `Standing.values`."""
    return {_place(row): _counts(row) for row in await database.rows(SUMS, values)}


async def known_cells(
    database: Database, values: Mapping[str, object]
) -> Sequence[tuple[str, str, int]]:
    """Channel, persona and version of all that the span has."""
    rows = await database.rows(KNOWN, values)
    return [(row.channel, row.persona, row.persona_version) for row in rows]


def _place(row: Any) -> Place:
    period: date | None = row.period if row.one_period else None
    return Place(period, Group(row.group_name, row.group_version) if row.one_group else Group())


def _counts(row: Any) -> Counts:
    """Sums of nothing are null."""
    return Counts(*(getattr(row, one) or 0 for one in COUNTS))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
