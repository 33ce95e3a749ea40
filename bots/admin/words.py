"""The dashboard's words, by language and page: `languages/<code>/<page>.toml`.

A word is asked for as "page.key". Where it depends on a number, the key is a table of the
language's plural forms (`one`, `other`, …), chosen by the value `n`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from babel import Locale
from babel.numbers import format_decimal

from assistant.phrases import ENGLISH

LANGUAGES = {ENGLISH: "English", "de": "Deutsch"}
_PLURALS = frozenset({"zero", "one", "two", "few", "many", "other"})

Word = str | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Words:
    """One language's. Calling it says a word; raises KeyError for a key that is in no file."""

    language: str

    @property
    def locale(self) -> Locale:
        return Locale.parse(self.language)

    def __call__(self, key: str, **values: object) -> str:
        word = catalogue(self.language).get(key) or catalogue(ENGLISH)[key]
        if not isinstance(word, str):
            form = self.locale.plural_form(abs(int(str(values["n"]))))
            word = word.get(form) or word["other"]
        return word.format_map({name: self._shown(value) for name, value in values.items()})

    def __contains__(self, key: str) -> bool:
        return key in catalogue(ENGLISH)

    def _shown(self, value: object) -> object:
        if isinstance(value, int) and not isinstance(value, bool):
            return format_decimal(value, locale=self.locale)
        return value


def chosen(language: str | None, accepted: str) -> str:
    """The admin's own choice, else the first of the header Accept-Language that there is."""
    wanted = [language or "", *(part.partition(";")[0] for part in accepted.split(","))]
    codes = (one.strip().lower().partition("-")[0] for one in wanted)
    return next((code for code in codes if code in LANGUAGES), ENGLISH)


@cache
def catalogue(language: str) -> Mapping[str, Word]:
    """All words of a language, by "page.key"."""
    folder = resources.files("bots.admin") / "languages" / language
    found: dict[str, Word] = {}
    for file in folder.iterdir():
        page = file.name.removesuffix(".toml")
        found.update(_flat(tomllib.loads(file.read_text("utf-8")), f"{page}."))
    return found


def _flat(table: Mapping[str, Any], before: str) -> Iterator[tuple[str, Word]]:
    for name, value in table.items():
        if isinstance(value, str) or ("other" in value and value.keys() <= _PLURALS):
            yield before + name, value
        else:
            yield from _flat(value, f"{before}{name}.")
