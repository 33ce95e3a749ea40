"""docs/settings.md says what the settings are, all of them, as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from bots.settings import known_names
from bots.settings_page import GROUPS, group_of, page

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


def test_no_word_of_the_librarys_stands_in_it() -> None:
    assert "Pydantic" not in page()


def test_the_page_is_what_the_settings_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "run: python -m bots.settings_page > docs/settings.md"
    )


@pytest.mark.parametrize("name", known_names())
def test_every_setting_has_a_description_and_a_line(name: str) -> None:
    description = known_names()[name].description
    assert description
    assert description.endswith(".")
    assert "<" not in "".join(description.split("`")[::2])  # Markdown would hide it
    assert group_of(name) in GROUPS
    assert page().count(f"| `{name}` |") == 1


@pytest.mark.parametrize("name", known_names())
def test_units_stand_in_the_names(name: str) -> None:
    """A length of time ends in _seconds, wherever the description speaks of one."""
    description = known_names()[name].description or ""
    if description.lower().startswith(("how long", "longest time")):
        assert name.endswith("_SECONDS")
