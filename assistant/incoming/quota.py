"""Quotas: how much a person, a group or an account may use in a day and in a month (of UTC).

Values alone; who has which is in `quota_rules.py`, what was spent in `spending.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from assistant.phrases import Phrase

Scope = Literal["person", "chat", "account"]
Period = Literal["day", "month"]
What = Literal["tokens", "messages"]

EVERYONE = "person:*"  # each person without a quota of their own
EVERY_GROUP = "chat:*"


@dataclass(frozen=True, slots=True)
class Quota:
    """None: as much as they like."""

    tokens_per_day: int | None = None
    tokens_per_month: int | None = None
    messages_per_day: int | None = None
    messages_per_month: int | None = None

    def limit(self, what: What, period: Period) -> int | None:
        found: int | None = getattr(self, f"{what}_per_{period}")
        return found


@dataclass(frozen=True, slots=True)
class Spent:
    tokens_per_day: int = 0
    tokens_per_month: int = 0
    messages_per_day: int = 0
    messages_per_month: int = 0

    def of(self, what: What, period: Period) -> int:
        found: int = getattr(self, f"{what}_per_{period}")
        return found


@dataclass(frozen=True, slots=True)
class Line:
    """One limit and what is spent of it."""

    scope: Scope
    what: What
    period: Period
    used: int
    limit: int

    @property
    def is_spent(self) -> bool:
        return self.used >= self.limit

    @property
    def percent(self) -> int:
        """Of the limit, at most 100."""
        return 100 if self.is_spent else self.used * 100 // self.limit

    def phrase(self) -> Phrase:
        return Phrase("quota.line", self._values())

    def refusal(self, now: datetime) -> Phrase:
        """What the person is told. `now` is UTC's."""
        return Phrase("quota.spent", {**self._values(), "when": _when(self.period, now)})

    def _values(self) -> dict[str, str | int | Phrase]:
        return {
            "whose": Phrase(_WHOSE[self.scope, self.period]),
            "used": self.used,
            "limit": self.limit,
            "what": Phrase(f"quota.{self.what}"),
        }


@dataclass(frozen=True, slots=True)
class Standing:
    """A quota that applies, what is spent of it, and until when it holds where it is temporary."""

    scope: Scope
    quota: Quota
    spent: Spent
    until: datetime | None = None

    def lines(self) -> list[Line]:
        """Those with a limit, the longer period first: who has spent both waits for that."""
        found: list[Line] = []
        for period in _PERIODS:
            for what in _KINDS:
                limit = self.quota.limit(what, period)
                if limit is not None:
                    used = self.spent.of(what, period)
                    found.append(Line(self.scope, what, period, used, limit))
        return found

    def excess(self, *, writes: bool = True) -> Line | None:
        """What is used up. Who does not write (an edit, a retry) is asked for tokens alone."""
        lines = [line for line in self.lines() if writes or line.what == "tokens"]
        return next((line for line in lines if line.is_spent), None)


def ends(period: Period, now: datetime) -> datetime:
    """When the day, or the month, of this time is over."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return today + timedelta(days=1)
    return (today.replace(day=1) + timedelta(days=32)).replace(day=1)


def _when(period: Period, now: datetime) -> Phrase:
    left = ends(period, now) - now
    if period == "month" and left.days:
        return Phrase("quota.next_month", {"days": left.days})
    minutes = max(int(left.total_seconds()) // 60, 1)
    return Phrase("quota.tomorrow", {"hours": minutes // 60, "minutes": minutes % 60})


_PERIODS: tuple[Period, ...] = ("month", "day")
_KINDS: tuple[What, ...] = ("tokens", "messages")
_WHOSE: Mapping[tuple[Scope, Period], str] = {
    ("person", "day"): "quota.person_day",
    ("person", "month"): "quota.person_month",
    ("chat", "day"): "quota.chat_day",
    ("chat", "month"): "quota.chat_month",
    ("account", "day"): "quota.account_day",
    ("account", "month"): "quota.account_month",
}
