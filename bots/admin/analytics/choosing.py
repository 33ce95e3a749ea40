"""What an address asks for: the days, and of what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import get_args
from urllib.parse import urlencode

from assistant.insight.choice import By, Choice, chosen
from bots.admin.faults import Fault

SPANS = (7, 30, 90, 365)
USUAL_DAYS = 30
_PERSONA = re.compile(r"(?P<name>[a-z0-9_?-]{1,32})(?:@(?P<version>\d{1,9}))?")


@dataclass(frozen=True, slots=True)
class Asked:
    """As it stands in the address; `persona` is "teacher" or, of one version, "teacher@2"."""

    first: str = ""
    last: str = ""
    days: str = ""
    channel: str = ""
    persona: str = ""
    by: str = ""

    def choice(self, today: date) -> Choice:
        """Raises Fault with what to do about it."""
        name, version = self._persona()
        if self.by not in get_args(By):
            raise Fault(400, "analytics.bad_by")
        return chosen(
            _day(self.first),
            _day(self.last),
            self._days(),
            today,
            channel=self.channel,
            persona=name,
            version=version,
            by=self.by,
        )

    def address(self, path: str = "/admin/analytics", **instead: object) -> str:
        """The same with something else in it; what is empty is left out."""
        values: Mapping[str, object] = {
            "first": self.first,
            "last": self.last,
            "days": self.days,
            "channel": self.channel,
            "persona": self.persona,
            "by": self.by,
            **instead,
        }
        given = {name: value for name, value in values.items() if value not in ("", None)}
        return f"{path}?{urlencode(given)}" if given else path

    def _days(self) -> int:
        if not self.days:
            return USUAL_DAYS
        if not re.fullmatch(r"[1-9]\d{0,3}", self.days):
            raise Fault(400, "analytics.bad_days")
        return int(self.days)

    def _persona(self) -> tuple[str, int | None]:
        if not self.persona:
            return "", None
        found = _PERSONA.fullmatch(self.persona)
        if found is None:
            raise Fault(400, "analytics.bad_persona")
        version = found["version"]
        return found["name"], None if version is None else min(int(version), 2**31 - 1)


def _day(given: str) -> date | None:
    if not given.strip():
        return None
    try:
        return date.fromisoformat(given.strip())
    except ValueError as error:
        raise Fault(400, "analytics.bad_day") from error
