"""Reading a config.json that may hold anything: each value is checked, or refused in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inference.errors import PlanRefused

# Far above any model; what is more is a damaged or hostile file.
_MOST = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object and where it stands, for the sentence that refuses it."""

    values: Mapping[str, Any]
    place: str = "config.json"

    def count(self, name: str, default: int | None = None, *, least: int = 1) -> int:
        """A whole number of at least `least`. Raises PlanRefused, also where none is given."""
        value = self.values.get(name)
        if value is None:
            if default is None:
                raise PlanRefused(f"{self.place} has no {name}, without which nothing is planned.")
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST:
            raise self.wrong(name, f"a whole number of at least {least}")
        return value

    def optional(self, name: str) -> int | None:
        return None if self.values.get(name) is None else self.count(name)

    def number(self, name: str, default: float) -> float:
        value = self.values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _MOST:
            raise self.wrong(name, "a number above zero")
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(name, "true or false")
        return value

    def text(self, name: str, default: str | None = None) -> str:
        value = self.values.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise self.wrong(name, "a text")
        return value

    def numbers(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers; empty where there is none."""
        value = self.values.get(name) or []
        if not isinstance(value, list) or not all(type(one) is int for one in value):
            raise self.wrong(name, "a list of whole numbers")
        return tuple(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; empty where there is none."""
        value = self.values.get(name) or []
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self.wrong(name, "a list of texts")
        return tuple(value)

    def within(self, name: str) -> Fields | None:
        """The object under `name`, or None where there is none."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise self.wrong(name, "an object")
        return Fields(value, f"{name} in {self.place}")

    def wrong(self, name: str, wanted: str) -> PlanRefused:
        return PlanRefused(f"{name} in {self.place} must be {wanted}: check the model's files.")
