"""What models write beside CommonMark: ||spoilers|| and formulas, as rules of markdown-it."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

# markdown-it's own rule for text runs over a bar.
_TEXT = re.compile(r"[^\n!#$%&*+\-:<=>@\[\\\]^_`{}~|]+")
# A bar beside a word is an "or" or a table; one beside a space hides nothing.
_SPOILER = re.compile(r"(?<![\w|])\|\|(?=[^\s|])(.{1,1000}?)(?<=[^\s|])\|\|(?![\w|])", re.DOTALL)
_MATH = re.compile(
    r"\\\((?P<round>[^`]{1,500}?)\\\)"
    r"|\\\[(?P<square>[^`]{1,2000}?)\\\]"
    r"|\$\$(?P<display>[^$`]{1,2000}?)\$\$"
    # A price is none: something that only a formula has, and no digit or word right after it.
    r"|\$(?=\S)(?P<dollar>[^$`\n]{0,200}?[\\^_{][^$`\n]{0,200}?)(?<=\S)\$(?!\w)"
)


def add_inline_rules(parser: MarkdownIt) -> None:
    parser.inline.ruler.at("text", _text)
    parser.inline.ruler.before("escape", "math", _math)
    parser.inline.ruler.before("emphasis", "spoiler", _spoiler)


def _text(state: StateInline, silent: bool) -> bool:
    found = _TEXT.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    if not silent:
        state.pending += found[0]
    state.pos = found.end()
    return True


def _math(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] not in "\\$":
        return False
    found = _MATH.match(state.src, state.pos, state.posMax)
    formula = (found[found.lastgroup or 0]).strip() if found else ""
    if not found or not formula:
        return False
    if not silent:
        state.push("math_inline", "", 0).content = formula
    state.pos = found.end()
    return True


def _spoiler(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "|":
        return False
    found = _SPOILER.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    if not silent:
        end = state.posMax
        state.push("spoiler_open", "", 1)
        state.pos, state.posMax = found.span(1)
        state.md.inline.tokenize(state)
        state.posMax = end
        state.push("spoiler_close", "", -1)
    state.pos = found.end()
    return True
