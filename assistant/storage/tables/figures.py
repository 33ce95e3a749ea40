"""Figures of days that are closed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Column, Date, ForeignKey, Integer, Table, Text

from assistant.storage.tables.columns import metadata, now_column

# Days (of UTC) whose figures are kept; forgetting the day forgets its figures.
figure_days = Table(
    "figure_days", metadata, Column("day", Date, primary_key=True), now_column("closed_at")
)


def _figures(name: str, *columns: Column[Any], key: Sequence[Column[Any]] = ()) -> Table:
    """Of a cell: a day, a channel, a persona and its version. They name no person, and stay when
    one is erased."""
    return Table(
        name,
        metadata,
        Column("day", Date, ForeignKey("figure_days.day", ondelete="CASCADE"), primary_key=True),
        Column("channel", Text, primary_key=True),
        Column("persona", Text, primary_key=True),
        Column("persona_version", Integer, primary_key=True, autoincrement=False),
        *key,
        *columns,
    )


figures = _figures(
    "figures",
    *(
        Column(name, BigInteger, nullable=False)
        for name in (
            *("done", "stopped", "cancelled", "failed", "messages"),
            *("prompt_tokens", "cached_tokens", "output_tokens", "thumbs_up", "thumbs_down"),
        )
    ),
)

# How many answers lie in each bucket of time (assistant/insight/cells.py).
figure_latencies = _figures(
    "figure_latencies",
    Column("buckets", ARRAY(Integer), nullable=False),
    Column("counts", ARRAY(Integer), nullable=False),
    key=[Column("measure", Text, primary_key=True)],
)

# Different people; "*" and -1 stand for all channels, personas and versions.
figure_people = _figures(
    "figure_people",
    Column("in_day", Integer, nullable=False),
    Column("in_30_days", Integer),
    # From the calendar month's first day on.
    Column("in_month", Integer),
)
