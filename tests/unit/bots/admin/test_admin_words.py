"""The dashboard's words: the same in each language, and all that the pages ask for."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import bots.admin
from bots.admin.navigation import NAVIGATION
from bots.admin.words import LANGUAGES, Word, Words, catalogue, chosen

FOLDER = Path(bots.admin.__file__).parent
ASKED = re.compile(r"""\bt\(\s*["']([a-z0-9_]+\.[a-z0-9_.]+)["']\s*[,)]""")
SAID = re.compile(r"""["']([a-z0-9_]+\.[a-z0-9_.]+)["']""")


def places(word: Word) -> set[str]:
    forms = [word] if isinstance(word, str) else list(word.values())
    return {name for form in forms for _, name, _, _ in string.Formatter().parse(form) if name}


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_each_language_says_all_that_english_says_with_the_same_values(language: str) -> None:
    english, other = catalogue("en"), catalogue(language)
    assert english.keys() == other.keys()
    assert {key: places(word) for key, word in english.items()} == {
        key: places(word) for key, word in other.items()
    }


@pytest.mark.parametrize(
    "template", sorted(FOLDER.glob("templates/**/*.html")), ids=lambda p: p.name
)
def test_each_word_that_a_template_asks_for_is_there(template: Path) -> None:
    missing = {key for key in ASKED.findall(template.read_text()) if key not in Words("en")}
    assert missing == set()


def test_each_word_is_asked_for_somewhere() -> None:
    text = "".join(file.read_text() for kind in ("*.html", "*.py") for file in FOLDER.rglob(kind))
    said = set(SAID.findall(text))
    # Keys that are put together: `t("shell.role." ~ me.role)`.
    begun = set(re.findall(r"""["']([a-z0-9_]+\.(?:[a-z0-9_]+[._])*)["']\s*(?:~|\+|,)""", text))
    begun |= {one.partition("{")[0] for one in re.findall(r"""f["']([a-z0-9_]+\.[^"']*{)""", text)}
    titles = {f"{one.page}.title" for one in NAVIGATION}
    unused = {
        key
        for key in catalogue("en")
        if key not in said | titles and not any(one and key.startswith(one) for one in begun)
    }
    assert unused == set()


def test_a_word_that_depends_on_a_number_has_the_languages_form_for_it() -> None:
    assert Words("en")("me.least", n=1) == "At least 1 character."
    assert Words("en")("me.least", n=1200) == "At least 1,200 characters."
    assert Words("de")("me.least", n=1200) == "Mindestens 1.200 Zeichen."


@pytest.mark.parametrize(
    ("own", "accepted", "language"),
    [
        ("de", "en", "de"),
        (None, "de-CH, en;q=0.3", "de"),
        (None, "fr, de;q=0.5", "de"),
        (None, "", "en"),
        ("xx", "zz", "en"),
    ],
)
def test_the_language_is_the_admins_then_the_browsers_then_english(
    own: str | None, accepted: str, language: str
) -> None:
    assert chosen(own, accepted) == language
