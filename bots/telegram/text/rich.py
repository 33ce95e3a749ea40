"""One message of a reply as Telegram's rich HTML: its own headings, lists and tables. Pure.

Built from the parsed Markdown with tags of ours alone: what the model wrote is text, whatever it
looks like, and an image is a link (a rich message would load it, and tell its server who reads).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from markdown_it.token import Token

from bots import markdown
from bots.telegram.address import may_link
from bots.telegram.text.render import GOES_ON

BLOCKS, COLUMNS, DEPTH = 500, 20, 16  # that a rich message may have
_TAGS = {"paragraph": "p", "bullet_list": "ul", "ordered_list": "ol", "list_item": "li"} | {
    name: name for name in ("blockquote", "table", "tr", "th", "td")
}
_INLINE = {"strong": "b", "em": "i", "s": "s"}


class _Unfit(Exception):
    """Something that is not known to be taken."""


def rich_html(source: str) -> str | None:
    """None for what rich messages don't hold, or may not: it is shown as text with entities."""
    tokens = markdown.parse(source)
    if markdown.too_deep(tokens) or GOES_ON in source:
        return None
    if sum(token.nesting >= 0 for token in tokens) > BLOCKS or _depth(tokens) > DEPTH:
        return None
    if _columns(tokens) > COLUMNS:
        return None
    try:
        html = "".join(_block(token) for token in tokens)
    except _Unfit:
        return None
    return html or None


def _depth(tokens: Sequence[Token]) -> int:
    return max((token.level for token in tokens), default=0)


def _columns(tokens: Sequence[Token]) -> int:
    """Of the widest table."""
    widest = cells = 0
    for token in tokens:
        cells = 0 if token.type == "tr_open" else cells + (token.type in ("th_open", "td_open"))
        widest = max(widest, cells)
    return widest


def _block(token: Token) -> str:
    name = token.type.removesuffix("_open").removesuffix("_close")
    match name:
        case "inline":
            return "".join(_inline(token.children or []))
        case "fence":
            return _code(token)
        case "hr":
            return "<hr>"
        case "heading":
            tag = token.tag
        case "thead" | "tbody":
            return ""
        case _ if name in _TAGS:
            tag = _TAGS[name]
        case _:
            raise _Unfit(token.type)
    if token.hidden:
        return ""
    if name == "ordered_list" and token.attrs.get("start", 1) != 1:
        raise _Unfit("a list that doesn't begin with 1")
    return f"</{tag}>" if token.nesting < 0 else f"<{tag}>"


def _code(token: Token) -> str:
    words = token.info.split(maxsplit=1)
    code = escape(token.content.rstrip("\n"))
    if not words:
        return f"<pre>{code}</pre>"
    return f'<pre><code class="language-{escape(words[0][:40])}">{code}</code></pre>'


def _inline(tokens: Sequence[Token]) -> Iterator[str]:
    addresses: list[str] = []  # of the open links, empty where none is made
    for token in tokens:
        match token.type:
            case "softbreak" | "hardbreak":
                yield "<br>"
            case "code_inline" | "math_inline":
                yield f"<code>{escape(token.content)}</code>"
            case "image":
                yield _link(str(token.attrs.get("src", "")), token.content)
            case "link_open":
                address = str(token.attrs.get("href", ""))
                linked = may_link(address) and not any(addresses)
                addresses.append(address if linked else "")
                yield f'<a href="{escape(address)}">' if linked else ""
            case "link_close":
                yield "</a>" if addresses.pop() else ""
            case "text":
                yield escape(token.content)
            case _:
                yield _mark(token)


def _mark(token: Token) -> str:
    tag = _INLINE.get(token.type.removesuffix("_open").removesuffix("_close"))
    if tag is None:  # a spoiler, which must not be shown
        raise _Unfit(token.type)
    return f"</{tag}>" if token.nesting < 0 else f"<{tag}>"


def _link(address: str, words: str) -> str:
    shown = escape(words.strip() or address)
    return f'<a href="{escape(address)}">{shown}</a>' if may_link(address) else shown
