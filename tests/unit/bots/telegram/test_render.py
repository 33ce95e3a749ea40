"""The model's Markdown as Telegram's text and entities."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.telegram.text.render import render


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


@pytest.mark.parametrize("empty", ["", " \n\t", "\x1b", "\u200b\u200d", "\u2800\n\ufeff", "\u3164"])
def test_what_telegram_would_find_empty_is_empty(empty: str) -> None:
    assert render(empty).text == ""


@pytest.mark.parametrize("marks", ["**", "```", "> ", "# ", "[]()", "||||", "- - -"])
def test_marks_alone_are_shown_as_they_are_or_as_what_they_make(marks: str) -> None:
    assert render(marks).text


def test_tabs_and_rings_stay_although_telegram_would_drop_them() -> None:
    assert render("```\n\tif x:\n\t\tpass\n```").text == "    if x:\n        pass"
    assert render("A\u030angstro\u0308m\ta").text == "Ångstro\u0308m a"


def test_spoilers_formulas_and_tasks_look_like_what_they_are() -> None:
    text, entities = shown("- [ ] ||dark|| a || b\n- [x] \\(a_1 * b_2\\) and $\\frac{1}{2}$ for $5")
    assert text == "☐ dark a || b\n☑ a_1 * b_2 and \\frac{1}{2} for $5"
    assert entities == [("spoiler", "dark"), ("code", "a_1 * b_2"), ("code", "\\frac{1}{2}")]


def test_a_long_quote_folds_but_not_while_it_is_read_as_it_comes() -> None:
    quote = "> " + "word " * 200
    assert shown(quote)[1][0][0] == "expandable_blockquote"
    assert render(quote, growing=True).entities[0].type == "blockquote"
    assert render(f"{quote}\n\nafter", growing=True).entities[0].type == "expandable_blockquote"


def test_more_entities_than_telegram_takes_fall_away_the_least_important_first() -> None:
    text = " ".join(["*i*"] * 120 + ["[l](https://x.y)"] * 60)
    kinds = [entity.type for entity in render(text).entities]
    assert len(kinds) == 100
    assert kinds.count("text_link") == 60


def test_cells_beyond_the_header_are_not_lost() -> None:
    assert shown("| a | b |\n|---|---|\n| 1 | 2 | 3 |")[0].splitlines()[-1] == "1 | 2 | 3"


def test_what_stands_deeper_than_is_parsed_is_not_lost() -> None:
    assert "deep" in render("> " * 80 + "deep").text


@given(st.text(alphabet="abc äö😀.,!?", max_size=200))
@settings(deadline=None)
def test_text_without_markup_stays_as_it_is(text: str) -> None:
    assert render(text).text == text.strip()


def test_half_a_surrogate_pair_does_not_stop_the_message() -> None:
    assert render("a \ud83d b").text == "a � b"
