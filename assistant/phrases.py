"""What Outrider itself says to people, in their language. The sentences stand in `languages/`.

A language is asked for as platforms name it: "pt-br" finds Portuguese. What isn't there is said in
English.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

ENGLISH = "en"
LANGUAGES = (ENGLISH, "de", "es", "pt", "id", "ar")


@dataclass(frozen=True, slots=True)
class Phrase:
    """A sentence to a person, by its key.

    `values` fill the sentence's {places}: a number is grouped as the language does it, and a
    phrase is said within the sentence.
    """

    key: str
    values: Mapping[str, str | int | Phrase] = field(default_factory=dict)

    def __str__(self) -> str:
        return say(self)


def say(phrase: Phrase, language: str = "") -> str:
    """The sentence in this language. Raises KeyError for a key that is in no file."""
    code = language_of(language)
    sentence = sentences(code).get(phrase.key) or sentences(ENGLISH)[phrase.key]
    return sentence.format_map({name: _said(value, code) for name, value in phrase.values.items()})


def language_of(named: str) -> str:
    """Which of our languages a platform's name means: "pt-br" is "pt"; "en" where we lack it."""
    code = named.lower().replace("_", "-").partition("-")[0]
    return code if code in LANGUAGES else ENGLISH


@cache
def sentences(code: str) -> Mapping[str, str]:
    """All sentences of one of LANGUAGES, by their keys."""
    file = resources.files("assistant") / "languages" / f"{code}.toml"
    return dict(_flat(tomllib.loads(file.read_text("utf-8"))))


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, str):
            yield f"{before}{name}", value
        else:
            yield from _flat(value, f"{before}{name}.")


def _said(value: str | int | Phrase, code: str) -> str:
    if isinstance(value, Phrase):
        return say(value, code)
    if isinstance(value, int):
        return f"{value:,}".replace(",", sentences(code)["language.thousands"])
    return value
