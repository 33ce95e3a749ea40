"""The statements of figures, with values to try them: thirty days, of which today is read live."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta

from assistant.insight import active_people, cells, closing, counts, latencies, monthly, standing
from assistant.insight.choice import Choice
from assistant.insight.standing import Standing
from tests.support.filling import Filled

_DAY = timedelta(days=1)


def _known() -> Standing:
    today = date.today()  # noqa: DTZ011 - the filling's, too, is the server's
    return Standing(today, today - _DAY, today - 700 * _DAY)


def _shown(filled: Filled, number: int) -> Mapping[str, object]:
    known = _known()
    return known.values(Choice(known.today - 29 * _DAY, known.today, by="version"))


def _today(filled: Filled, number: int) -> Mapping[str, object]:
    """The day that would be closed next."""
    today = _known().today
    return {**cells.span([today]), "days": [today], "day": today}


def _months(filled: Filled, number: int) -> Mapping[str, object]:
    known = _known()
    return {"today": known.today, "months": 1, "days": list(known.live)}


FIGURES: Sequence[tuple[str, str, Callable[[Filled, int], Mapping[str, object]]]] = (
    ("standing.STANDING", standing.STANDING, lambda f, n: {}),
    ("counts.SUMS", counts.SUMS, _shown),
    ("counts.KNOWN", counts.KNOWN, _shown),
    ("latencies.LATENCIES", latencies.LATENCIES, _shown),
    ("active_people.ACTIVE", active_people.ACTIVE, _shown),
    ("monthly.MONTHS", monthly.MONTHS, _months),
    ("cells.COUNTED", cells.COUNTED, _today),
    ("cells.TIMED", cells.TIMED, _today),
    ("active_people.WHO_ASKED", active_people.WHO_ASKED, _today),
    ("active_people.WHO_USED", active_people.WHO_USED, _today),
    ("closing.NEXT", closing.NEXT, lambda f, n: {"settled": 120}),
    ("closing.BEGIN_DAY", closing.BEGIN_DAY, _today),
)
