"""What Outrider says is there in every language, with nothing missing and nothing left over."""

from __future__ import annotations

import re
import string
import unicodedata
from pathlib import Path

import pytest

import assistant
from assistant.orders.commands import COMMANDS
from assistant.phrases import ENGLISH, LANGUAGES, Phrase, language_of, say, sentences

OTHERS = [code for code in LANGUAGES if code != ENGLISH]
OF_A_LANGUAGE = {"language.name", "language.in_english", "language.thousands"}
SOURCES = [
    path.read_text()
    for folder in ("assistant", "bots", "inference")
    for path in (Path(assistant.__file__).parent.parent / folder).rglob("*.py")
]


def places(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


@pytest.mark.parametrize("code", OTHERS)
def test_no_sentence_is_missing_in_a_language_and_none_is_left_over(code: str) -> None:
    assert sentences(code).keys() == sentences(ENGLISH).keys()


@pytest.mark.parametrize("code", OTHERS)
def test_a_sentence_has_the_same_places_in_every_language(code: str) -> None:
    here, english = sentences(code), sentences(ENGLISH)
    assert {key: places(here[key]) for key in english} == {
        key: places(sentence) for key, sentence in english.items()
    }


@pytest.mark.parametrize("code", OTHERS)
def test_no_sentence_was_left_in_english(code: str) -> None:
    here = sentences(code)
    same = {key for key, sentence in sentences(ENGLISH).items() if here[key] == sentence}
    assert same - {"language.thousands"} == set()


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_sentence_is_in_its_languages_script(code: str) -> None:
    script = "ARABIC" if code == "ar" else "LATIN"
    for key, sentence in sentences(code).items():
        if key in ("language.thousands", "language.in_english"):
            continue
        bare = re.sub(r"\{\w+\}|/\w+", "", sentence)
        names = [unicodedata.name(one, "") for one in bare if one.isalpha()]
        written = sum(name.startswith(script) for name in names)
        assert written > len(names) / 2, (key, sentence)


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_commands_that_a_sentence_names_are_the_same_in_every_language(code: str) -> None:
    for key, sentence in sentences(ENGLISH).items():
        named = sorted(re.findall(r"/[a-z]+(?: (?:forget )?(?:all|json|1)\b)?", sentence))
        here = sorted(
            re.findall(r"/[a-z]+(?: (?:forget )?(?:all|json|1)\b)?", sentences(code)[key])
        )
        assert here == named, key


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_commands_description_fits_where_platforms_show_it(code: str) -> None:
    for name in COMMANDS:
        assert 1 <= len(sentences(code)[f"command.{name}"]) <= 60


def test_every_sentence_is_said_somewhere() -> None:
    literals = {one for source in SOURCES for one in re.findall(r"""["']([a-z_.]+)["']""", source)}
    # Keys that are put together from a name, as in f"command.{name}".
    begun = {
        one for source in SOURCES for one in re.findall(r"""f["']([a-z_]+\.[a-z_]*)\{""", source)
    }
    put_together = {f"{beginning}{one}" for beginning in begun for one in literals}
    assert sentences(ENGLISH).keys() - OF_A_LANGUAGE - literals - put_together == set()


def test_every_phrase_in_the_code_has_its_sentence() -> None:
    said = re.compile(r'(?:Phrase|order\.say|order\.answer)\(\s*"([a-z_.]+)"')
    keys = {key for source in SOURCES for key in said.findall(source)}
    assert len(keys) > 30
    assert keys - sentences(ENGLISH).keys() == set()


def test_a_language_is_found_by_what_platforms_call_it() -> None:
    assert [language_of(one) for one in ("pt-br", "PT_PT", "de", "de-AT")] == [
        "pt",
        "pt",
        "de",
        "de",
    ]
    assert [language_of(one) for one in ("", "xx", "../en", "deutsch")] == ["en"] * 4


def test_numbers_are_grouped_as_the_language_does_it() -> None:
    values = {"length": 1234567, "longest": 32000}
    assert "1,234,567" in say(Phrase("refused.long", values), "en")
    assert "1.234.567" in say(Phrase("refused.long", values), "de")


def test_a_phrase_is_said_within_another_and_braces_of_people_stay_what_they_are() -> None:
    title = Phrase("persona.brief")
    assert "Kurz und knapp" in say(Phrase("persona.done", {"title": title}), "de")
    assert "{x} {0.__class__}" in say(Phrase("persona.done", {"title": "{x} {0.__class__}"}), "de")
