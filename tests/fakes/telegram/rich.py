"""What Telegram checks of a rich message's HTML; what people then read of it."""

from __future__ import annotations

from html.parser import HTMLParser

from tests.fakes.telegram.chats import Fields
from tests.fakes.telegram.entities import Formatted
from tests.fakes.telegram.refusals import bad_request

CHARACTERS = 32_768
BLOCKS = frozenset(
    {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "pre", "blockquote", "table"}
    | {"tr", "th", "td"}
)
TAGS = BLOCKS | {"b", "i", "s", "code", "a", "br", "hr"}
EMPTY = frozenset({"br", "hr"})
ATTRIBUTES = {"a": {"href"}, "code": {"class"}}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS or {name for name, _ in attrs} - ATTRIBUTES.get(tag, set()):
            raise bad_request(f'can\'t parse rich message: unsupported tag "{tag}"')
        if tag in EMPTY:
            self.text.append("\n")
        else:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise bad_request(f'can\'t parse rich message: unexpected end tag "{tag}"')
        if tag in BLOCKS:
            self.text.append("\t" if tag in ("th", "td") else "\n")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def checked_rich(rich: Fields) -> Formatted:
    """The text of it; raises Refused."""
    html = str(rich.get("html", ""))
    if not html or len(html) > CHARACTERS:
        raise bad_request("RICH_MESSAGE_INVALID")
    reader = _Reader()
    reader.feed(html)
    reader.close()
    if reader.open:
        raise bad_request(f'can\'t parse rich message: "{reader.open[-1]}" is not closed')
    return Formatted("".join(reader.text).strip(), [])
