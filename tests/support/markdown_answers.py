"""Generated answers in Markdown, each with what a reader must see of it.

An answer is composed, never parsed: so what has to be visible is known without any code of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hypothesis import assume
from hypothesis import strategies as st

LONGEST = 100_000

LATIN = [
    "word",
    "the",
    "Größe",
    "naïve",
    "snake_case",
    "x2",
    "résumé",
    "I",
    "e\u0301te\u0301",
    "ok",
]
WIDE = ["日本語", "漢字かな交じり文", "한국어", "中文字符", "ภาษาไทย", "हिन्दी", "বাংলা"]
RIGHT_TO_LEFT = ["مرحبا", "שלום", "العربية", "\u200fעברית\u200f", "نص\u200c\u200cطويل"]
EMOJI = [
    "😀",
    "👨‍👩‍👧‍👦",
    "🇩🇪",
    "👍🏽",
    "1\ufe0f\u20e3",
    "❤️‍🔥",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
]
MARKED = ["Z\u0335\u0321\u033a\u0347", "a\u0308\u0323", "q\u20dd", "A\u030a"]
ODD = [
    "2 * 3",
    "a<b",
    "[^1]",
    "@name",
    "#tag",
    "50%",
    "C:/dir",
    "f(x)",
    "“quote”",
    "—",
    "x|y",
    "$5",
    "(1)",
]
WORDS = st.sampled_from([*LATIN, *LATIN, *WIDE, *RIGHT_TO_LEFT, *EMOJI, *MARKED])
CODE_TEXT = st.text(
    alphabet=st.sampled_from("abc xyz_*#[](){}<>|\\/'\"=+-.:;,&%$@!?~^\t0123😀é中\u0301\x07"),
    max_size=70,
)
LANGUAGES = st.sampled_from(
    ["", "python", "c++", "objective-c", "日本", "js {1,3}", "x" * 60, "\\"]
)
HOSTS = st.sampled_from(
    ["https://example.org/a_b?c=d", "http://x.y/z", "tg://resolve", "HTTPS://A.B"]
)
NO_LINKS = st.sampled_from(
    ["file.md", "/a/b", "ftp://h.i/j", "http://localhost:80", "tg://user?id=1"]
)


@dataclass(frozen=True, slots=True)
class Part:
    """Markdown, and the characters that must be seen, in order; white space doesn't matter."""

    source: str
    seen: str


def _wrapped(mark: str) -> Callable[[str], Part]:
    return lambda text: Part(f"{mark}{text}{mark}", text)


PHRASES = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
_PLAIN = PHRASES.map(lambda text: Part(text, text))
_STYLED = st.one_of(
    *[PHRASES.map(_wrapped(mark)) for mark in ("**", "*", "~~", "__", "_", "***", "||")],
    PHRASES.map(lambda text: Part(f"**bold *{text}* bold**", f"bold{text}bold")),
    PHRASES.map(lambda text: Part(f"**bold `{text}` bold**", f"bold{text}bold")),
)
_CODE = st.sampled_from(["x = 1", "a | b", "**no**", "<T>", "f(`)", "\\", "😀"]).map(
    lambda text: Part(f"`` {text} ``", text)
)
_LINK = st.one_of(
    st.tuples(PHRASES, HOSTS).map(lambda both: Part(f"[{both[0]}]({both[1]})", both[0])),
    st.tuples(PHRASES, HOSTS).map(lambda both: Part(f"![{both[0]}]({both[1]})", both[0])),
    st.tuples(PHRASES, NO_LINKS).map(lambda both: Part(f"[{both[0]}]({both[1]})", "".join(both))),
    HOSTS.map(lambda url: Part(f"<{url}>", url)),
    PHRASES.map(lambda text: Part(f"[**{text}** `c`](https://example.org)", f"{text}c")),
)
_ODD = st.one_of(
    st.sampled_from(ODD).map(lambda text: Part(text, text)),
    st.sampled_from([("\\*", "*"), ("&amp;", "&"), ("&lt;b&gt;", "<b>"), ("<br>", "<br>")]).map(
        lambda both: Part(*both)
    ),
    st.sampled_from(["x_1 + y_2", "\\frac{a}{b}", "E = mc^2"]).map(
        lambda formula: Part(f"\\({formula}\\)", formula)
    ),
)
_CELL = st.one_of(
    _PLAIN, PHRASES.map(_wrapped("**")), st.just(Part("`c`", "c")), st.just(Part("", ""))
)


def _joined(parts: Sequence[Part], by: str) -> Part:
    return Part(by.join(part.source for part in parts), "".join(part.seen for part in parts))


# A line begins with a word, so that it is no other block.
INLINE = st.tuples(
    st.sampled_from(LATIN), st.lists(st.one_of(_PLAIN, _STYLED, _CODE, _LINK, _ODD), max_size=8)
).map(lambda both: _joined([Part(both[0], both[0]), *both[1]], " "))


def _prefixed(part: Part, first: str, others: str) -> Part:
    lines = part.source.split("\n")
    return Part("\n".join([first + lines[0], *(others + line for line in lines[1:])]), part.seen)


@st.composite
def _paragraphs(draw: st.DrawFn) -> Part:
    lines = draw(st.lists(INLINE, min_size=1, max_size=4))
    times = draw(st.sampled_from([*[1] * 8, 3, 40]))
    return _joined(lines * times, draw(st.sampled_from(["\n", " ", ". "])))


@st.composite
def _fences(draw: st.DrawFn) -> Part:
    mark = draw(st.sampled_from(["```", "~~~", "`````"]))
    lines = [line.replace(mark[0] * 3, "") for line in draw(st.lists(CODE_TEXT, max_size=8))]
    code = "\n".join(lines * draw(st.sampled_from([*[1] * 8, 2, 30])))
    end = draw(st.sampled_from([f"\n{mark}", f"\n{mark}", f"\n{mark} "]))
    return Part(f"{mark}{draw(LANGUAGES)}\n{code}{end}", code)


@st.composite
def _tables(draw: st.DrawFn) -> Part:
    columns = draw(st.integers(1, 5))
    row = st.lists(_CELL, min_size=columns, max_size=columns + 1)
    header, rows = draw(row)[:columns], draw(st.lists(row, max_size=6))
    rows *= draw(st.sampled_from([*[1] * 8, 5, 40]))
    lines = ["| " + " | ".join(cell.source for cell in cells) + " |" for cells in [header, *rows]]
    lines.insert(1, "|" + draw(st.sampled_from(["---|", ":-:|", "--:|"])) * columns)
    return Part("\n".join(lines), "".join(cell.seen for cells in [header, *rows] for cell in cells))


@st.composite
def _lists(draw: st.DrawFn, inner: st.SearchStrategy[Part]) -> Part:
    kind = draw(st.sampled_from(["- ", "* ", "1. ", "n. ", "3) ", "- [ ] ", "- [x] "]))
    item = INLINE if "[" in kind else st.one_of(INLINE, INLINE, inner)
    items = draw(st.lists(item, min_size=1, max_size=5)) * draw(st.sampled_from([*[1] * 8, 4, 20]))
    marks = [f"{number}. " if kind == "n. " else kind for number in range(1, len(items) + 1)]
    apart = draw(st.sampled_from(["\n", "\n\n"]))
    indents = [" " * (2 if kind.startswith("- [") else len(mark)) for mark in marks]
    whole = map(_prefixed, items, marks, indents)
    return _joined(list(whole), apart)


@st.composite
def _quotes(draw: st.DrawFn, inner: st.SearchStrategy[Part]) -> Part:
    return _prefixed(_joined(draw(st.lists(inner, min_size=1, max_size=3)), "\n\n"), "> ", "> ")


_HEADINGS = st.tuples(st.integers(1, 6), INLINE).map(
    lambda both: Part("#" * both[0] + " " + both[1].source, both[1].seen)
)
_RULES = st.sampled_from(["---", "***", "- - -"]).map(lambda rule: Part(rule, ""))
_LEAVES = st.one_of(_paragraphs(), _paragraphs(), _fences(), _tables(), _HEADINGS, _RULES)
BLOCKS = st.recursive(_LEAVES, lambda inner: st.one_of(_lists(inner), _quotes(inner)), max_leaves=8)
_ENDS = st.sampled_from(
    [Part("", ""), Part("\n\n```py\nprint(1)", "print(1)"), Part("\n\nnot **closed", "notclosed")]
)


@st.composite
def answers(draw: st.DrawFn) -> Part:
    """Up to 100,000 characters; most are of one to three messages."""
    blocks = draw(st.lists(BLOCKS, min_size=1, max_size=8))
    whole = _joined(blocks * draw(st.sampled_from([*[1] * 12, 2, 10])), "\n\n")
    if len(whole.source) > LONGEST:
        whole = _joined(blocks, "\n\n")
    assume(len(whole.source) <= LONGEST)
    return _joined([whole, draw(_ENDS)], "")
