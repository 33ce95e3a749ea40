"""parse_mode: HTML and both Markdowns, read or refused with Telegram's words."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.fakes.telegram.chats import Fields
from tests.fakes.telegram.refusals import Refused, bad_request

TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "a": "text_link",
    "tg-emoji": "custom_emoji",
}
_TAG = re.compile(r"<(?P<slash>/?)(?P<name>[^\s>]*)(?P<rest>[^>]*)(?P<end>>?)")
_ATTRIBUTE = re.compile(r"([\w-]+)\s*(?:=\s*(?:\"([^\"]*)\"|'([^']*)'|([\w.-]+)))?")
RESERVED = frozenset("_*[]()~`>#+-=|{}.!")
_MARKS = {
    "*": "bold",
    "_": "italic",
    "__": "underline",
    "~": "strikethrough",
    "||": "spoiler",
    "`": "code",
    "```": "pre",
}
_NAMES = {"bold": "Bold", "italic": "Italic", "underline": "Underline", "code": "Code"} | {
    "strikethrough": "Strikethrough",
    "spoiler": "Spoiler",
    "pre": "Pre",
    "text_link": "TextUrl",
}


def parsed(text: str, mode: str) -> tuple[str, Sequence[Fields]]:
    """The bare text and its entities. Raises Refused."""
    match mode.lower():
        case "html":
            return _Html(text).read()
        case "markdownv2":
            return _Markdown(text, strict=True).read()
        case "markdown":
            return _Markdown(text, strict=False).read()
    raise bad_request("unsupported parse_mode")


def _unreadable(words: str) -> Refused:
    return bad_request(f"can't parse entities: {words}")


@dataclass
class _Open:
    name: str
    kind: str
    offset: int  # in UTF-16 units
    at: int  # the byte where its mark stands
    more: Fields = field(default_factory=dict)


@dataclass
class _Reader:
    source: str
    out: list[str] = field(default_factory=list)
    length: int = 0
    open: list[_Open] = field(default_factory=list)
    entities: list[Fields] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.out.append(text)
        self.length += len(text.encode("utf-16-le")) // 2

    def byte(self, at: int) -> int:
        return len(self.source[:at].encode())

    def close(self, one: _Open) -> None:
        if self.length > one.offset:
            place = {"type": one.kind, "offset": one.offset, "length": self.length - one.offset}
            self.entities.append(place | one.more)


class _Html(_Reader):
    def read(self) -> tuple[str, Sequence[Fields]]:
        at = 0
        for tag in _TAG.finditer(self.source):
            self.say(html.unescape(self.source[at : tag.start()]))
            at = tag.end()
            if tag["slash"]:
                self._end(tag)
            else:
                self._start(tag)
        self.say(html.unescape(self.source[at:]))
        if self.open:
            name = self.open[-1].name
            raise _unreadable(f'Can\'t find end tag corresponding to start tag "{name}"')
        return "".join(self.out), self.entities

    def _start(self, tag: re.Match[str]) -> None:
        at, name = self.byte(tag.start()), tag["name"].lower()
        if not tag["end"]:
            raise _unreadable(f"Unclosed start tag at byte offset {at}")
        if name not in TAGS:
            raise _unreadable(f'Unsupported start tag "{name}" at byte offset {at}')
        given = {
            one[0].lower(): one[1] or one[2] or one[3] for one in _ATTRIBUTE.findall(tag["rest"])
        }
        if name == "span" and given.get("class") != "tg-spoiler":
            raise _unreadable(f'Tag "span" must have class "tg-spoiler" at byte offset {at}')
        one = _Open(name, TAGS[name], self.length, at)
        language = given.get("class", "").removeprefix("language-")
        if name == "a":
            one.more = {"url": html.unescape(given.get("href", ""))}
        elif name == "blockquote" and "expandable" in given:
            one.kind = "expandable_blockquote"
        elif name == "tg-emoji":
            one.more = {"custom_emoji_id": given.get("emoji-id", "")}
        elif name == "code" and language and self.open and self.open[-1].name == "pre":
            self.open[-1].more = {"language": language}
        self.open.append(one)

    def _end(self, tag: re.Match[str]) -> None:
        at, name = self.byte(tag.start()), tag["name"].lower()
        if not self.open:
            raise _unreadable(f"Unexpected end tag at byte offset {at}")
        if not tag["end"]:
            raise _unreadable(f"Unclosed end tag at byte offset {at}")
        one = self.open.pop()
        if name and name != one.name:
            tags = f'expected "</{one.name}>", found "</{name}>"'
            raise _unreadable(f"Unmatched end tag at byte offset {at}, {tags}")
        inside_pre = one.name == "code" and self.open and self.open[-1].name == "pre"
        if not inside_pre:
            self.close(one)


@dataclass
class _Markdown(_Reader):
    strict: bool = True

    def read(self) -> tuple[str, Sequence[Fields]]:
        at = 0
        while at < len(self.source):
            at = self._step(at)
        if self.open:
            raise self._unended()
        return "".join(self.out), self.entities

    def _unended(self) -> Refused:
        one = self.open[-1]
        if self.strict:
            return _unreadable(
                f"Can't find end of {_NAMES[one.kind]} entity at byte offset {one.at}"
            )
        return _unreadable(f"Can't find end of the entity starting at byte offset {one.at}")

    def _step(self, at: int) -> int:
        """Read on from here; returns where to go on."""
        character, following = self.source[at], self.source[at + 1 : at + 2]
        if character == "\\" and following and (self.strict or following in "_*`["):
            self.say(following)
            return at + 2
        mark = self._mark(at)
        current = self.open[-1] if self.open else None
        if current is not None and current.kind == "text_link" and character == "]":
            return self._link(at + 1, self.open.pop())
        if current is not None and current.kind in ("code", "pre"):
            if mark == current.name:
                self.close(self.open.pop())
                return at + len(mark)
            self.say(character)
            return at + 1
        if mark:
            return self._toggle(mark, at)
        if character == "[":
            self.open.append(_Open("[", "text_link", self.length, self.byte(at)))
            return at + 1
        if self.strict and character in RESERVED and not self._quoting(at):
            raise _unreadable(
                f"Character '{character}' is reserved and must be escaped with the preceding '\\'"
            )
        self.say(character)
        return at + 1

    def _mark(self, at: int) -> str:
        marks = ("```", "||", "__", "*", "_", "~", "`") if self.strict else ("```", "*", "_", "`")
        return next((mark for mark in marks if self.source.startswith(mark, at)), "")

    def _toggle(self, mark: str, at: int) -> int:
        if self.open and self.open[-1].name == mark:
            self.close(self.open.pop())
            return at + len(mark)
        one = _Open(mark, _MARKS[mark], self.length, self.byte(at))
        self.open.append(one)
        at += len(mark)
        if mark == "```":
            language = re.match(r"(\w*)\n", self.source[at:])
            if language:
                one.more = {"language": language[1]} if language[1] else {}
                at += language.end()
        return at

    def _link(self, at: int, one: _Open) -> int:
        address = re.match(r"\(([^)]*)\)", self.source[at:])
        if address is None and self.source[at : at + 1] == "(":
            raise _unreadable(f"Can't find end of a URL at byte offset {self.byte(at + 1)}")
        if address is not None:
            one.more = {"url": address[1].replace("\\", "")}
            self.close(one)
            return at + address.end()
        return at

    def _quoting(self, at: int) -> bool:
        return self.source[at] == ">" and (at == 0 or self.source[at - 1] == "\n")
