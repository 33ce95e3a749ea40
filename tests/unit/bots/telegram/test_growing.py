"""A text that is still written looks as it will look when it is whole."""

from __future__ import annotations

import pytest

from bots.telegram.text.render import render


@pytest.mark.parametrize(
    ("unfinished", "text", "kinds"),
    [
        ("Hello **wor", "Hello wor", ["bold"]),
        ("Hello **wor*", "Hello wor", ["bold"]),
        ("Hello **", "Hello", []),
        ("a *b* and ~~c", "a b and c", ["italic", "strikethrough"]),
        ("an `unfinish", "an unfinish", ["code"]),
        ("see [the page](https://exa", "see the page", []),
        ("- a\n- **b", "• a\n• b", ["bold"]),
        ("- a\n-", "• a", []),
        ("text\n\n#", "text", []),
        ("text\n\n``", "text", []),
        ("```py\nprint(1)\n``", "print(1)", ["pre"]),
        ("| a | b |\n|--", "a | b", ["pre"]),
        ("2 * 3 and snake_case", "2 * 3 and snake_case", []),
        ("```py", "", []),
    ],
)
def test_what_is_open_is_closed_and_what_has_only_begun_is_hidden(
    unfinished: str, text: str, kinds: list[str]
) -> None:
    rendered = render(unfinished, growing=True)
    assert rendered.text.splitlines()[: len(text.splitlines())] == text.splitlines()
    assert [str(entity.type) for entity in rendered.entities] == kinds


def test_a_bold_word_that_is_written_letter_by_letter_never_shows_a_mark() -> None:
    source = "A **bold word**, *one more*, `code` and ~~no~~.\n\n- **Item**: [x](https://e.org)."
    for end in range(1, len(source)):
        assert not set("*`~") & set(render(source[:end], growing=True).text)


def test_what_is_finished_is_shown_as_it_is() -> None:
    assert render("not **closed").text == "not **closed"
