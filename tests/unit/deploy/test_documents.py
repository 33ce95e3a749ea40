"""What the documents tell people to type is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
CODE = re.compile(r"```.*?```|`[^`]+`", re.DOTALL)


PAGES = pytest.mark.parametrize(
    "page", [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")], ids=lambda page: page.name
)


@PAGES
def test_each_make_target_that_is_named_exists(page: Path) -> None:
    code = "\n".join(CODE.findall(page.read_text(encoding="utf-8")))
    said = re.findall(r"(?:^|`)make ([a-z-]+)", code, re.MULTILINE)
    assert set(said) <= TARGETS


@PAGES
def test_each_page_that_is_linked_exists(page: Path) -> None:
    linked = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    assert [one for one in linked if not (page.parent / one).exists()] == []
