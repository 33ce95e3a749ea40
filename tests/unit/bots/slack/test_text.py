"""Slack's wire text as people read it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.slack.reading.text import mentions, readable, without_mention


@pytest.mark.parametrize(
    ("wire", "read"),
    [
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2", "1 < 2 && 3 > 2"),
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
        ("ask <@U123> or <@U123|ada>", "ask @U123 or @ada"),
        ("see <#C1|general> and <#C2>", "see #general and #C2"),
        ("see <#C1|>", "see #C1"),
        (
            "<!here> <!channel|channel> <!subteam^S1|@team> <!subteam^S2>",
            "@here channel @team @subteam",
        ),
        ("<!date^1392734382^{date}|Feb 18>", "Feb 18"),
        ("<https://example.org/a?b=1&amp;c=2>", "https://example.org/a?b=1&c=2"),
        ("<https://example.org|the site>", "the site (https://example.org)"),
        ("<http://example.org|example.org>", "http://example.org"),
        ("<mailto:a@example.org|a@example.org>", "a@example.org"),
        ("a\x00b\ud800c", "a\ufffdb\ufffdc"),
        ("plain *bold* `code`", "plain *bold* `code`"),
    ],
)
def test_mentions_links_and_entities_are_spelled_out(wire: str, read: str) -> None:
    assert readable(wire) == read


@given(st.text())
def test_what_slack_escaped_comes_back_as_it_was_typed(text: str) -> None:
    typed = text.replace("\x00", "")
    wire = typed.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert readable(wire) == typed


@given(st.text(alphabet=st.sampled_from("<>@#!|&;ltgamp U1^:/\x00\ud800"), max_size=60))
def test_arbitrary_text_can_be_read_and_stored(text: str) -> None:
    assert "\x00" not in readable(text)
    readable(text).encode()


def test_a_mention_is_found_and_taken_out() -> None:
    assert mentions("hey <@UBOT>, hi", "UBOT")
    assert mentions("<@UBOT|outrider> hi", "UBOT")
    assert not mentions("<@UBOTHER> hi", "UBOT")
    assert not mentions("@UBOT &lt;@UBOT&gt; hi", "UBOT")
    assert without_mention("<@UBOT> hi <@U2>", "UBOT") == "hi <@U2>"
    assert without_mention("so <@UBOT|outrider> what now?", "UBOT") == "so what now?"
    assert without_mention("<@UBOT>", "UBOT") == ""
