from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.web.markdown import MarkdownPage

PAGE = MarkdownPage()

TAGS = {
    *("p", "br", "em", "strong", "s", "a", "code", "pre", "figure", "figcaption", "span", "button"),
    *("div", "table", "thead", "tbody", "tr", "th", "td", "ul", "ol", "li", "blockquote", "hr"),
    *("h1", "h2", "h3", "h4", "h5", "h6"),
}
ATTRIBUTES = {
    "dir": ("auto", "ltr"),
    "class": ("code", "copy", "table", "align-left", "align-right", "align-center"),
    "type": ("button",),
    "tabindex": ("0",),
    "rel": ("noopener noreferrer nofollow",),
    "target": ("_blank",),
}


class Audit(HTMLParser):
    """Fails on any element or attribute that a reply has no need of."""

    def handle_starttag(self, tag, attrs):
        assert tag in TAGS, tag
        for name, value in attrs:
            if name == "href":
                assert tag == "a"
                assert value.lower().startswith(("http://", "https://", "mailto:")), value
            elif name == "start":
                assert value.isdigit()
            elif name == "title":
                assert tag == "a"
            else:
                assert value in ATTRIBUTES[name], (name, value)

    def handle_comment(self, data):
        raise AssertionError(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def html(text):
    return "".join(PAGE.html(text))


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!-- x --> <!DOCTYPE html> <?php ?>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x) [x](file:///etc/passwd)",
    "<javascript:alert(1)>",
    "![x](http://evil.example/track.png)",
    "[![x](http://evil.example/a.png)](http://evil.example)",
    "[x](/admin) [x](//evil.example) [x](#top)",
    '```"><script>alert(1)</script>\nx\n```',
    "```<b>\n</code></pre><script>alert(1)</script>\n```",
    '[x](http://a.example "title\\" onclick=\\"alert(1)")',
    '[x](http://a.example/"onclick="alert(1))',
    "| <script> | b |\n|:-:|--:|\n| <i>x</i> | `<b>` |",
    "[x]\n\n[x]: javascript:alert(1)",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_gets_through(text):
    Audit().feed(html(text))


@given(st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20))).map("".join))
@settings(deadline=None)
def test_no_text_gives_any_other_html(text):
    Audit().feed(html(text))


def test_a_code_block_has_its_language_a_copy_button_and_its_text_as_it_is():
    block = html('```python\nprint("<b>")\n```')
    assert "<span>python</span>" in block
    assert '<button type="button" class="copy">Copy</button>' in block
    assert "print(&quot;&lt;b&gt;&quot;)\n</code>" in block


def test_links_open_elsewhere_and_tell_nothing():
    block = html("See https://example.org/a?b=1&c=2 or [mail](mailto:a@example.org).")
    assert 'href="https://example.org/a?b=1&amp;c=2"' in block
    assert 'href="mailto:a@example.org"' in block
    assert block.count('rel="noopener noreferrer nofollow"') == 2


def test_an_image_becomes_a_link_that_loads_nothing():
    block = html("![a cat](https://example.org/cat.png)")
    assert "<img" not in block
    assert ">a cat</a>" in block


def test_alignment_is_a_class_since_inline_styles_are_barred():
    block = html("| a | b |\n|--:|:-:|\n| 1 | 2 |")
    assert "style=" not in block
    assert '<td class="align-right" dir="auto">1</td>' in block


def test_blocks_know_their_lines():
    assert [block.line for block in PAGE.blocks("# a\n\nb\nc\n\n```\nd\n```\n")] == [0, 2, 5]
