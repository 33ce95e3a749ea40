"""The model's Markdown as Telegram's text and entities."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.telegram.render import render


def shown(markdown: str) -> tuple[str, list[tuple[str, str]]]:
    """The text, and each entity as (type, the text it covers)."""
    rendered = render(markdown)
    coded = rendered.text.encode("utf-16-le")
    return rendered.text, [
        (e.type, coded[2 * e.offset : 2 * (e.offset + e.length)].decode("utf-16-le"))
        for e in rendered.entities
    ]


@pytest.mark.parametrize(
    ("markdown", "text", "entities"),
    [
        ("plain", "plain", []),
        ("**b** _i_ ~~s~~ `c`", "b i s c", [("bold", "b"), ("italic", "i")]),
        ("😀 **fett** 😀", "😀 fett 😀", [("bold", "fett")]),
        ("# Title 😀\n\ntext", "Title 😀\n\ntext", [("bold", "Title 😀")]),
        ("**a `c` b**", "a c b", [("bold", "a"), ("code", "c"), ("bold", "b")]),
        ("[`x`](https://e.org)", "x", [("text_link", "x")]),
        ("> a\n> b", "a\nb", [("blockquote", "a\nb")]),
        ("- a\n- b\n  - c", "• a\n• b\n  • c", []),
        ("3. a\n3. b", "3. a\n4. b", []),
        ("a\nb\n\n---\n\nc", "a\nb\n\n———\n\nc", []),
        ("a < b & c > d &lt; <b>", "a < b & c > d < <b>", []),
        ("2 * 3 * 4 and snake_case_name", "2 * 3 * 4 and snake_case_name", []),
        ("text\n---", "text\n\n———", []),
    ],
)
def test_markdown_becomes(markdown: str, text: str, entities: list[tuple[str, str]]) -> None:
    got_text, got_entities = shown(markdown)
    assert got_text == text
    assert got_entities[: len(entities)] == entities
    assert bool(got_entities) == bool(entities)


def test_a_code_block_keeps_its_language_and_its_lines() -> None:
    rendered = render("before\n\n```python\ndef f():\n    return '**x**'\n```\nafter")
    assert rendered.text == "before\n\ndef f():\n    return '**x**'\n\nafter"
    (entity,) = rendered.entities
    assert (entity.type, entity.language, entity.offset) == ("pre", "python", 8)


@pytest.mark.parametrize("unfinished", ["```py\nprint(", "```py\nprint(\n``", "**bold and `co"])
def test_markup_that_is_not_finished_yet_shows_what_is_there(unfinished: str) -> None:
    text, _ = shown(unfinished)
    assert "print(" in text or "bold and" in text


def test_a_code_block_that_still_grows_is_code_already() -> None:
    assert shown("```py\nprint(1)")[1] == [("pre", "print(1)")]


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "data:text/html,x", "file.md", "ftp://h/x", "//host"]
)
def test_only_safe_links_become_links_and_the_rest_stays_readable(target: str) -> None:
    text, entities = shown(f"see [here]({target})")
    assert entities == []
    assert "here" in text
    assert target in text


def test_a_table_is_aligned_and_monospaced() -> None:
    text, entities = shown("| a | long |\n|---|---|\n| 1 | [l](https://x.y) |")
    assert text == "a | long\n--+----------------\n1 | l (https://x.y)"
    assert entities == [("pre", text)]


def test_a_table_that_would_swell_is_left_as_narrow_as_it_is() -> None:
    rows = "".join(f"| {i} | x |\n" for i in range(50))
    text, _ = shown("| a | b |\n|---|---|\n" + rows + f"| {'y' * 500} | z |\n")
    assert "\n7 | x\n" in text


@given(st.text(max_size=400))
@settings(max_examples=200, deadline=None)
def test_any_text_renders_to_something_that_can_be_sent(text: str) -> None:
    rendered = render(text)
    rendered.text.encode()
    assert rendered.text == rendered.text.strip()
    assert bool(rendered.text) == bool(text.strip())
    for entity in rendered.entities:
        covered = rendered.text.encode("utf-16-le")[2 * entity.offset :][: 2 * entity.length]
        assert covered.decode("utf-16-le").strip() == covered.decode("utf-16-le") != ""


@given(st.text(alphabet="abc äö😀.,!?", max_size=200))
@settings(deadline=None)
def test_text_without_markup_stays_as_it_is(text: str) -> None:
    assert render(text).text == text.strip()


def test_half_a_surrogate_pair_does_not_stop_the_message() -> None:
    assert render("a \ud83d b").text == "a � b"
