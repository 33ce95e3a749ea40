"""The one Markdown parse that channels share: the model's text to markdown-it tokens. Pure.

CommonMark with tables and ~~strikethrough~~, without what misreads a text that is still growing
or that loses what was written: reference definitions (they vanish), setext headings (a rule turns
the paragraph above into a heading), indented code (a nested list cut in two), and HTML (a model's
`<T>` is text).
"""

from __future__ import annotations

from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token


def parse(markdown: str) -> Sequence[Token]:
    """Block tokens in the order of the document; `inline` ones hold their parts as children."""
    return _parser().parse(markdown)


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False})
    parser.enable(["table", "strikethrough"])
    parser.disable(["reference", "lheading", "code", "html_block", "html_inline"])
    return parser
