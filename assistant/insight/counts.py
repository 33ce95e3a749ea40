"""Turns, messages, tokens and thumbs, counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import date
from typing import Any, NamedTuple

from assistant.insight.cells import COUNTED, COUNTS
from assistant.insight.choice import By, Choice
from assistant.storage.database import Database

_NAMES = ", ".join(COUNTS)
CELLS = f"""
SELECT CAST(date_trunc(%(period)s, CAST(day AS timestamp)) AS date) AS period,
    channel, persona, persona_version,
    {", ".join(f"CAST(sum({one}) AS bigint) AS {one}" for one in COUNTS)}
FROM (
    SELECT day, channel, persona, persona_version, {_NAMES} FROM figures
    WHERE day >= %(first)s AND day <= %(kept_until)s
    UNION ALL SELECT day, channel, persona, persona_version, {_NAMES} FROM ({COUNTED}) AS live
) AS counted
GROUP BY period, channel, persona, persona_version
ORDER BY period, channel, persona, persona_version
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

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

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


class Group(NamedTuple):
    """A channel or a persona; of a version also its number. All together where it is empty."""

    name: str = ""
    version: int = -1


@dataclass(frozen=True, slots=True)
class Cell:
    period: date
    channel: str
    persona: str
    version: int
    counts: Counts

    def of(self, choice: Choice) -> bool:
        return (
            choice.channel in ("", self.channel)
            and choice.persona in ("", self.persona)
            and choice.version in (None, self.version)
        )

    def group(self, by: By) -> Group:
        if by == "channel":
            return Group(self.channel)
        if by == "persona":
            return Group(self.persona)
        return Group(self.persona, self.version) if by == "version" else Group()


async def cells(database: Database, values: Mapping[str, object]) -> Sequence[Cell]:
    """All that the span has, whatever was chosen of it. See `Standing.values`."""
    return [_cell(row) for row in await database.rows(CELLS, values)]


def _cell(row: Any) -> Cell:
    counts = Counts(*(getattr(row, one) for one in COUNTS))
    return Cell(row.period, row.channel, row.persona, row.persona_version, counts)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
