"""What figures are told apart by, and where one stands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

from assistant.insight.cells import ALL, ALL_VERSIONS
from assistant.insight.choice import Choice


class Group(NamedTuple):
    """A channel or a persona; of a version also its number. All together where it is empty."""

    name: str = ""
    version: int = ALL_VERSIONS


class Place(NamedTuple):
    """A period by its first day, or the whole span (None); and a group."""

    period: date | None
    group: Group = Group()


def groups_of(row: Any, choice: Choice) -> Iterator[Group]:
    """All that a row of `cells.WANTED` stands for: the whole choice, one of its groups, or both."""
    wanted = choice.values
    names = {"channel": row.channel, "persona": row.persona, "version": row.persona_version}
    if names == {name: wanted[name] for name in names}:
        yield Group()
    if choice.by == "channel" and row.channel != ALL:
        yield Group(row.channel)
    if choice.by == "persona" and row.persona != ALL:
        yield Group(row.persona)
    if choice.by == "version" and row.persona_version != ALL_VERSIONS:
        yield Group(row.persona, row.persona_version)
