from hypothesis import example, given, settings
from hypothesis import strategies as st

from bots.web.live_markdown import Change, LiveMarkdown
from bots.web.markdown import MarkdownPage

PAGE = MarkdownPage()

PIECES = st.sampled_from(
    [
        *("word ", "a b", "\n", "\n\n", "# ", "## x", "- ", "* ", "1. ", "2) ", "> ", "---\n"),
        *("===\n", "```", "```py\n", "~~~\n", "    code", "  ", "\t", "**", "*", "_", "`", "~~"),
        *("| a | b |\n", "|---|:-:|\n", "[x](http://a.b)", "<b>", "http://x.org ", "\\", "😀", "é"),
        *("\r", "\r\n", "\r\r"),
        *("[r]", "\n[r]: http://r.org\n", "&amp;", "الع", "***\n", "+ y\n", "10. z\n"),
    ]
)
TEXTS = st.lists(PIECES, max_size=40)


def utf16_slice(text, end):
    return text.encode("utf-16-le")[: end * 2].decode("utf-16-le")


class Page:
    """What reply.js does with a change."""

    def __init__(self) -> None:
        self.blocks: list[str] = []

    def apply(self, change: Change | None) -> None:
        if change is None:
            return
        kept = utf16_slice(self.blocks[change.first], change.keep) if change.keep else ""
        added = [kept + change.added[0], *change.added[1:]] if change.added else []
        self.blocks = self.blocks[: change.first] + added


@given(TEXTS)
@settings(max_examples=200, deadline=None)
def test_while_it_grows_the_page_shows_what_the_whole_text_so_far_would(pieces):
    live, page, text = LiveMarkdown(PAGE), Page(), ""
    for piece in pieces:
        text += piece
        page.apply(live.show(text))
        if "[r]: " not in text:  # a link's address that comes late is put in at the end
            assert page.blocks == PAGE.html(text.removesuffix("\r"))
    page.apply(live.finish(text))
    assert page.blocks == PAGE.html(text)


@given(st.lists(PIECES, max_size=8).map("".join), st.integers(1, 5))
@example("para\n#foo", 3)
@example("a\rb\rc\n\nd\n", 3)
@example("a\r\nb\r\n\r\nc", 1)
@example("para\n1. x\n\n2x", 1)
@example("- a\n\n-b\n\nc\n===", 2)
@settings(max_examples=100, deadline=None)
def test_it_may_be_cut_anywhere(text, step):
    live, page = LiveMarkdown(PAGE), Page()
    for end in (*range(step, len(text), step), len(text)):
        page.apply(live.show(text[:end]))
        if "[r]: " not in text:
            assert page.blocks == PAGE.html(text[:end].removesuffix("\r"))


@given(TEXTS.map("".join), TEXTS.map("".join))
@settings(deadline=None)
def test_a_text_that_was_taken_back_is_shown_anew(first, second):
    live, page = LiveMarkdown(PAGE), Page()
    page.apply(live.show(first))
    page.apply(live.show(second))
    page.apply(live.finish(second))
    assert page.blocks == PAGE.html(second)


def test_what_did_not_change_is_not_sent():
    live = LiveMarkdown(PAGE)
    live.show("one\n\ntwo")
    assert live.show("one\n\ntwo") is None
    change = live.show("one\n\ntwo three")
    assert change is not None
    assert (change.first, change.added) == (1, [" three</p>\n"])


def test_what_is_sent_for_one_long_paragraph_does_not_grow_with_its_square():
    live, text, sent = LiveMarkdown(PAGE), "", 0
    for number in range(400):
        text += f"word{number} "
        change = live.show(text)
        sent += sum(map(len, change.added)) if change else 0
    assert sent < 4 * len(text)
