"""docs/plan.md shows what the command prints."""

from __future__ import annotations

from tests.support.plan_page import BLOCK, PAGE, page


def test_the_page_shows_what_the_command_prints():
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "run: python -m tests.support.plan_page --write"
    )


def test_the_page_shows_one_that_fits_one_that_does_not_and_eight_cards():
    fits, does_not, eight = (shown for _, shown in BLOCK.findall(page()))
    assert "It fits" in fits
    assert "It does not fit" in does_not
    assert "on 8 × H100" in eight
