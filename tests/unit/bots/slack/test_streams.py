"""What of a growing text may be sent into a stream, from which nothing can be taken back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.channel import Look
from bots.slack.render import streamed
from bots.slack.streams import settled


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("Hello wor", "Hello wor"),
        ("ask @chan", "ask "),
        ("ask <!cha", "ask "),
        ("see <https://x.example|a la", "see "),
        ("see <https://x.example|a label> and", "see <https://x.example|a label> and"),
        ("a &lt", "a "),
        ("call `run", "call "),
        ("call `run` or", "call `run` or"),
        ("so:\n```py", "so:"),
        ("so:\n```py\nx = 1\n", "so:\n```py\nx = 1"),
        ("a family: 👩‍👩", "a family: "),
        ("1 < 2, says " + "x" * 500, "1 < 2, says " + "x" * 500),
        ("", ""),
    ],
)
def test_what_may_still_be_spelled_otherwise_is_held_back(text: str, sent: str) -> None:
    assert settled(text) == sent


MARKS = ["@", "<", "!", ">", "|", "`", "```", "\n", " ", "__", "# ", "&lt;"]
WORDS = ["here", "channel", "@U1", "https://x.example", "word", "👩‍🚀", "é"]
pieces = st.sampled_from(MARKS + WORDS)


# An address has its @ inside of a word, and calls nobody.
CALLS = re.compile(r"<!(?:channel|here)|<@U1|(?<![\w.])@(?:channel|here)")


def nobody(_: str) -> str:
    return "Grace"


@given(st.lists(pieces, max_size=30), st.integers(0, 60))
def test_what_is_sent_piece_by_piece_calls_nobody(parts: list[str], cut: int) -> None:
    text = "".join(parts)
    sent = ""
    for end in (cut, len(text)):
        shown, _ = streamed(Look(text[:end], 1, final=False), plain_buttons=False, name_of=nobody)
        if settled(shown).startswith(sent):
            sent = settled(shown)
        assert not CALLS.search(sent)
