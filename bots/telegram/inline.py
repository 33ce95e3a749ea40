"""What stands inside a block (emphasis, code, links, images), written onto a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from markdown_it.token import Token

from bots.telegram.address import may_link
from bots.telegram.page import Page
from bots.telegram.text.entities import Style

STYLES = {"strong": "bold", "em": "italic", "s": "strikethrough", "spoiler": "spoiler"}


@dataclass(slots=True)
class Inline:
    page: Page
    open: list[tuple[str, int]] = field(default_factory=list)  # a link's address, its start

    def write(self, tokens: Sequence[Token]) -> None:
        for token in tokens:
            self._one(token)

    def _one(self, token: Token) -> None:
        match token.type:
            case "softbreak" | "hardbreak":
                self.page.write("\n")
            case "code_inline" | "math_inline":
                with self.page.styled(Style("code")):
                    self.page.write(token.content.replace("\t", " "))
            case "image":
                self._begin(str(token.attrs.get("src", "")))
                self.write(token.children or [])
                self._end_link()
            case _ if token.nesting > 0:
                self._begin(str(token.attrs.get("href", "")))
            case "link_close":
                self._end_link()
            case _ if token.nesting < 0:
                _, start = self.open.pop()
                self.page.span(Style(STYLES[token.type.removesuffix("_close")]), start)
            case _:
                self.page.write(token.content.replace("\t", " "))

    def _begin(self, address: str) -> None:
        self.open.append((address, self.page.length))

    def _end_link(self) -> None:
        """An address that Telegram would not take stands behind the text, and so does a link's
        that is inside another link."""
        address, start = self.open.pop()
        text = self.page.since(start)
        if not text.strip():
            self.page.write(address)
        if may_link(address) and not any(outer for outer, _ in self.open):
            self.page.span(Style("text_link", url=address), start)
        elif text.strip() and address not in ("", text, f"mailto:{text}"):
            self.page.write(f" ({address})")


def plain(tokens: Sequence[Token]) -> str:
    """Inline tokens where no entity can be: links keep their address in brackets."""
    page = Page()
    Inline(page).write(tokens)
    text = page.since(0)
    for span in sorted(page.spans, key=lambda span: span.end, reverse=True):
        url = span.style.url
        if url and url not in text[span.start : span.end]:
            text = f"{text[: span.end]} ({url}){text[span.end :]}"
    return text.replace("\n", " ").strip()
