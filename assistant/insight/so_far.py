"""Today and this month so far, at a glance."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.insight.active_people import Active, active_people
from assistant.insight.choice import Choice
from assistant.insight.counts import Counts, sums
from assistant.insight.group import Place
from assistant.insight.standing import standing
from assistant.storage.database import Database


@dataclass(frozen=True, slots=True)
class SoFar:
    today: Counts
    month: Counts
    people_today: int
    people_month: int


async def so_far(database: Database) -> SoFar:
    """By days and months of UTC. Raises StorageUnavailable."""
    known = await standing(database)
    choice = Choice(known.today.replace(day=1), known.today)
    values = known.values(choice)
    counted = await sums(database, values)
    now = (await active_people(database, choice, values)).get(Place(known.today), Active())
    return SoFar(
        today=counted.get(Place(known.today), Counts()),
        month=counted.get(Place(None), Counts()),
        people_today=round(now.a_day),
        people_month=now.in_month or 0,
    )
