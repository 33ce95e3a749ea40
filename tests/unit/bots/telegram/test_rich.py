"""Whole messages as rich HTML: Telegram's own blocks, and nothing of the model's making."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.telegram.text.rich import rich_html
from bots.telegram.text.split import split
from tests.fakes.telegram.rich import checked_rich
from tests.support.markdown_answers import Part, answers

SHOWN = {
    "# Tides": "<h1>Tides</h1>",
    "a **b** *c* ~~d~~": "<p>a <b>b</b> <i>c</i> <s>d</s></p>",
    "- a\n- b": "<ul><li>a</li><li>b</li></ul>",
    "1. a\n2. b": "<ol><li>a</li><li>b</li></ol>",
    "> a": "<blockquote><p>a</p></blockquote>",
    "a\nb": "<p>a<br>b</p>",
    "```py\nif a < b:\n```": '<pre><code class="language-py">if a &lt; b:</code></pre>',
    "[a](https://example.org)": '<p><a href="https://example.org">a</a></p>',
    "[a](javascript:alert)": "<p>[a](javascript:alert)</p>",
    "![a](https://example.org/a.png)": '<p><a href="https://example.org/a.png">a</a></p>',
    "<img src=x> & <b>": "<p>&lt;img src=x&gt; &amp; &lt;b&gt;</p>",
    "|a|b|\n|-|-|\n|1|2|": (
        "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"
    ),
}


@pytest.mark.parametrize("source", SHOWN)
def test_markdown_becomes_telegrams_own_blocks(source: str) -> None:
    assert rich_html(source) == SHOWN[source]


@pytest.mark.parametrize(
    "source",
    [
        "||spoiler||",
        "3. third",
        "|a" * 21 + "|\n" + "|-" * 21 + "|",
        "> " * 20 + "a",
        "a\n\n" * 501,
    ],
)
def test_what_a_rich_message_may_not_hold_is_left_to_text(source: str) -> None:
    assert rich_html(source) is None


@given(answers())
@settings(deadline=None, max_examples=100)
def test_telegram_takes_whatever_a_model_writes(answer: Part) -> None:
    for piece in split(answer.source):
        if html := rich_html(piece):
            checked_rich({"html": html})


@given(st.text(alphabet="<>&\"'abc/=! \n*_[]()`#|", max_size=300))
@settings(deadline=None)
def test_no_tag_is_the_models(source: str) -> None:
    if html := rich_html(source):
        checked_rich({"html": html})
