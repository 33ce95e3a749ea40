"""An answer as the messages that Telegram would show, held to Telegram's rules without HTTP.

The fake knows the rules of the servers; here it must not even have to leave anything out.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Sequence
from html.parser import HTMLParser

from markdown_it import MarkdownIt

from bots.telegram.text.render import Rendered, render
from bots.telegram.text.split import split
from tests.fakes.telegram.content import checked_text, covered

KEPT = {"pre", "blockquote", "expandable_blockquote"}  # may begin with code's indentation
_ALTERED = re.compile("[\x00-\x09\x0b-\x1f\r\u2028-\u202e\u0333\u033f\u030a]")
_NOTHING = re.compile("[\\s\u200b-\u200f\u2060\u2800\ufeff\ufffc\U000e0000-\U000e007f]*")


class Broken(AssertionError):
    """Telegram would refuse it, or show it otherwise than it was meant."""


def messages(answer: str) -> Sequence[Rendered]:
    """The answer's messages, each held to the rules. Raises Broken and the fake's Refused."""
    shown = [render(piece) for piece in split(answer)]
    for one in shown:
        check(one)
    return shown


def check(message: Rendered) -> None:
    """Raises Broken, or the fake's Refused."""
    given = [{**one.to_dict(), "type": str(one.type)} for one in message.entities]
    stands = checked_text({"text": message.text, "entities": given}, "message is too long")
    if stands.text != message.text or _NOTHING.fullmatch(message.text):
        raise Broken(f"Telegram would show another text: {message.text[:80]!r}")
    if stands.lost or stands.entities != given:
        raise Broken(f"Telegram would leave out or move {stands.lost or given}")
    open_ends: list[tuple[int, str]] = []
    for one in given:
        _check_whole(covered(message.text, one), one["type"])
        while open_ends and open_ends[-1][0] <= one["offset"]:
            open_ends.pop()
        end = one["offset"] + one["length"]
        if any(end > other or kind == one["type"] for other, kind in open_ends):
            raise Broken(f"{one} lies across {open_ends}")
        open_ends.append((end, one["type"]))


def _check_whole(text: str, kind: str) -> None:
    """An entity covers something, and begins and ends with it; code may be indented."""
    if text != text.rstrip() or (text != text.lstrip() and kind not in KEPT) or not text:
        raise Broken(f"{kind} over white space: {text!r}")


def lost(seen: str, shown: Sequence[Rendered]) -> str:
    """What of `seen` is missing in the messages, from the first character that is; "": nothing.

    White space doesn't count, nor what Telegram itself takes out.
    """
    there = iter(_bare("".join(one.text for one in shown)))
    wanted = _bare(seen)
    for index, character in enumerate(wanted):
        if character not in there:
            return wanted[index : index + 40]
    return ""


def _bare(text: str) -> str:
    return _ALTERED.sub("", unicodedata.normalize("NFD", re.sub(r"\s", "", text)))


def read(markdown: str) -> str:
    """What a plain CommonMark reader shows of a text, without punctuation: it may be a mark."""
    reader = _Reader()
    reader.feed(
        MarkdownIt("commonmark", {"html": False})
        .enable(["table", "strikethrough"])
        .render(markdown)
    )
    marks = str.maketrans("", "", string.punctuation)
    return "".join(reader.texts).translate(marks)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.texts += [value or "" for name, value in attrs if tag == "img" and name == "alt"]
