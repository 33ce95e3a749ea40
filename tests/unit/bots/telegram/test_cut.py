"""Where messages are cut: what fits stays whole, and what is cut goes on as what it was."""

from __future__ import annotations

import pytest

from bots.telegram.text.render import Rendered, render
from bots.telegram.text.split import split

PARAGRAPH = "\n".join(["A line of words that says nothing but is long enough to fill."] * 12)


def shown(markdown: str) -> list[Rendered]:
    return [render(piece) for piece in split(markdown)]


def kinds(message: Rendered) -> list[str]:
    return [str(entity.type) for entity in message.entities]


@pytest.mark.parametrize("paragraphs", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "whole",
    [
        "```py\n" + "print('a line of code')\n" * 120 + "```",
        "| number | square |\n|---|---|\n" + "| 12 | 144 |\n" * 120,
        "| number | square |\n|---|---|\n" + "| **12** | `144` |\n" * 90,
    ],
)
def test_code_and_tables_that_fit_a_message_are_never_cut(whole: str, paragraphs: int) -> None:
    text = "\n\n".join([*[PARAGRAPH] * paragraphs, whole, PARAGRAPH])
    assert [kinds(message).count("pre") for message in shown(text)].count(1) == 1
    assert sum(kinds(message).count("pre") for message in shown(text)) == 1


def test_a_table_longer_than_a_message_goes_on_with_its_header_between_two_rows() -> None:
    rows = [f"| row {number} | {'x' * 40} |" for number in range(300)]
    messages = shown("| name | value |\n|---|---|\n" + "\n".join(rows))
    assert len(messages) > 2
    seen = []
    for message in messages:
        lines = message.text.splitlines()
        assert lines[0].split() == ["name", "|", "value"]
        assert kinds(message) == ["pre"]
        seen += [line.split("|")[0].strip() for line in lines[2:]]
    assert seen == [f"row {number}" for number in range(300)]


@pytest.mark.parametrize("before", ["", "- item\n\n  ", "> ", "1. one\n2. two\n   "])
def test_code_in_a_list_or_a_quote_goes_on_with_its_language_and_indentation(before: str) -> None:
    prefix = "> " if before == "> " else " " * (len(before.rsplit("\n", 1)[-1]))
    lines = [f"def f{number}():\n{prefix}    return {number}" for number in range(300)]
    text = f"{before}```python\n" + "".join(f"{prefix}{line}\n" for line in lines) + f"{prefix}```"
    messages = shown(text)
    assert len(messages) > 1
    for message in messages:
        (entity,) = [one for one in message.entities if one.type == "pre"]
        assert entity.language == "python"
    joined = "\n".join(message.text for message in messages)
    assert joined.count("    return ") == 300
    assert "```" not in joined


def test_a_heading_stays_with_what_it_leads_to() -> None:
    text = "\n\n".join(["word " * 380] * 2 + ["## Heading", "word " * 60, "end"])
    for message in shown(text):
        assert not message.text.endswith("Heading")


def test_bold_text_that_is_cut_goes_on_bold_and_shows_no_marks() -> None:
    messages = shown("**" + "Some bold words here. " * 400 + "end**")
    assert len(messages) > 1
    assert all(kinds(message) == ["bold"] for message in messages)
    assert "*" not in "".join(message.text for message in messages)


@pytest.mark.parametrize("link", ["[a b c](https://example.org/x)", "`a b c d`", "\\(a b + c d\\)"])
def test_links_code_and_formulas_are_not_cut(link: str) -> None:
    for shift in range(0, 40, 3):
        text = "w" * shift + " " + " ".join([link] * 200)
        for piece in split(text):
            assert piece.replace(link, "").strip() in ("", "w" * shift)


def test_a_list_goes_on_with_its_number_and_its_depth() -> None:
    item = "1. " + "word " * 60
    messages = shown("\n".join([item] * 40))
    numbers = [line.split(".")[0] for message in messages for line in message.text.splitlines()]
    assert numbers == [str(number) for number in range(1, 41)]


def test_an_item_that_is_cut_goes_on_without_a_second_bullet() -> None:
    item = "\n".join(f"  line {number} of a long item" for number in range(400))
    first, second, *_ = shown(f"- outer\n\n{item}\n- next")
    assert first.text.startswith("• outer")
    assert second.text.startswith("line ")
    assert shown(f"- outer\n\n{item}\n- next")[-1].text.endswith("\n• next")


def test_a_table_whose_columns_widen_is_cut_before_it_is_too_long_to_be_aligned() -> None:
    rows = ["| xxxxxxxx | y |"] * 169
    messages = shown("\n".join(["| a | b |", "|---|---|", *rows, f"| {'x' * 20} | y |"]))
    assert [kinds(message) for message in messages] == [["pre"]] * 2
