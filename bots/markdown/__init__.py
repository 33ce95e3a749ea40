"""The one Markdown parse that channels share: the model's text to markdown-it tokens. Pure.

CommonMark with tables, ~~strikethrough~~, ||spoilers|| and formulas, without what misreads a text
that is still growing or that loses what was written: reference definitions (they vanish), setext
headings (a rule turns the paragraph above into a heading), indented code (a nested list cut in
two), and HTML (a model's `<T>` is text). Addresses stay as they were written.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bots.markdown.inline_rules import add_inline_rules

MAX_NESTING = 60  # what stands deeper is not parsed: see `too_deep`


def parse(markdown: str) -> Sequence[Token]:
    """Block tokens in the order of the document; `inline` ones hold their parts as children."""
    return _parser().parse(markdown)


def blocks(markdown: str) -> Sequence[Token]:
    """The same block tokens, with their lines in `map`; nothing inside them is parsed."""
    return _block_parser().parse(markdown)


def too_deep(tokens: Sequence[Token]) -> bool:
    """Whether something may be missing, since it stands in more lists or quotes than we follow."""
    return any(token.level >= MAX_NESTING - 2 for token in tokens)


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": MAX_NESTING})
    parser.enable(["table", "strikethrough"])
    parser.disable(["reference", "lheading", "code", "html_block", "html_inline"])
    parser.normalizeLink = str  # type: ignore[assignment, method-assign]
    add_inline_rules(parser)
    return parser


@cache
def _block_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": MAX_NESTING})
    parser.enable(["table"])
    parser.disable(["reference", "lheading", "code", "html_block", "inline", "text_join"])
    return parser
