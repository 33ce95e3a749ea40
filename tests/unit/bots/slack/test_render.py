"""The model's Markdown as Slack messages."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.channel import Look
from bots.slack.render import (
    FALLBACK_BYTES,
    NOTICE_CHARACTERS,
    PLACEHOLDER,
    fallback,
    harmless,
    message,
    plain,
    spelled,
)
from bots.slack.split import PIECE_UNITS, split, utf16_units
from tests.fakes.slack import limits

CALLS = [
    "<!channel>",
    "<!here|here>",
    "<!everyone>",
    "<!group>",
    "<!subteam^S123|@team>",
    "<@U123>",
    "<@W123|ada>",
    "@channel",
    "@here",
    "@everyone",
    "<!CHANNEL>",
    "&lt;!channel&gt;",
    "&#60;!here&#x3E;",
    r"<\!here>",
    "<&#33;here>",
]
LIVE = re.compile(
    r"(<|&lt;|&#60;)\\?(!|&#33;)(channel|here|everyone|group|subteam)|<@[A-Z0-9]"
    r"|(?<![\w.])@(channel|here|everyone)",
    re.IGNORECASE,
)
TEXTS = st.lists(
    st.sampled_from([*CALLS, "<", "!", "@", "here", "`", "```\n", "\n", " ", "🙂", "&", "é"])
    | st.text(max_size=10)
).map("".join)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("frame", ["{}", "hey {}!", "`{}`", "```\n{}\n```", "> {}", "({})"])
def test_a_call_to_people_is_broken_up_and_still_reads_the_same(call: str, frame: str) -> None:
    text = frame.format(call)
    assert LIVE.search(text)
    assert not LIVE.search(harmless(text))
    assert harmless(text).replace("\u2060", "") == text


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE html>",
        "<!-- here -->",
        "ada@example.org",
        "x@here.example",
        "vector<int> a; a < b",
        "@property",
        "<https://example.org>",
    ],
)
def test_code_addresses_and_links_stay_as_they_are(text: str) -> None:
    assert harmless(text) == text


@given(TEXTS)
def test_no_text_calls_people_in_any_form(text: str) -> None:
    body = message(Look(text, 1, final=True))
    for shown in (body["text"], body["blocks"][0]["text"]):
        assert not LIVE.search(shown)


@given(TEXTS)
def test_breaking_up_twice_is_breaking_up_once(text: str) -> None:
    assert harmless(harmless(text)) == harmless(text)


@given(TEXTS, st.integers(1, 400))
def test_every_piece_is_a_message_that_slack_takes(text: str, times: int) -> None:
    for piece in split(text * times):
        body = message(Look(piece, 2**62, final=False))
        assert limits.refusal(body["text"], body["blocks"], update=True) is None


def test_the_worst_piece_is_a_message_that_slack_takes() -> None:
    for worst in ("@here ", "<@U1>", "&", "<", "🙂"):
        piece = worst * (PIECE_UNITS // utf16_units(worst))
        body = message(Look(piece, 2**62, final=False))
        assert limits.refusal(body["text"], body["blocks"], update=True) is None


def test_markup_of_slacks_own_means_nothing_in_the_fallback() -> None:
    assert plain("a & <b> <https://x|y>") == "a &amp; &lt;b&gt; &lt;https://x|y&gt;"


def test_a_long_notice_is_cut_with_a_sign_of_it() -> None:
    assert plain("é" * 5_000) == "é" * NOTICE_CHARACTERS + "…"


@pytest.mark.parametrize(
    ("piece", "sent"),
    [
        ("x", "x"),
        ("<", "&lt;"),
        ("&", "&amp;"),
        ("é", "é"),
        ("🧑‍🚀", "🧑‍🚀"),
        ("<!here> ", "&lt;\u2060!here&gt; "),
    ],
)
def test_a_fallback_is_as_long_as_an_update_takes_and_cut_amid_nothing(
    piece: str, sent: str
) -> None:
    body = message(Look(piece * 4_000, 7, final=True))
    assert limits.refusal(body["text"], body["blocks"][1:], update=True) is None
    whole, rest = divmod(len(body["text"]) - 1, len(sent))
    assert body["text"].startswith(sent * whole) and body["text"].endswith("…")
    assert rest == 0 or piece == "<!here> "  # between its words it may be cut
    room = FALLBACK_BYTES - len(body["text"].encode())
    assert 0 <= room < len(sent.encode()) + len("…".encode())


def test_a_fallback_that_fits_is_whole() -> None:
    text = "<" * (FALLBACK_BYTES // 4)
    assert fallback(text) == "&lt;" * (FALLBACK_BYTES // 4)
    assert fallback("") == ""


def test_an_empty_reply_is_a_placeholder() -> None:
    body = message(Look("", 7, final=False))
    assert body["text"] == PLACEHOLDER
    assert body["blocks"][0] == {"type": "markdown", "text": PLACEHOLDER}


def test_the_button_is_gone_when_nothing_more_comes() -> None:
    [_, actions] = message(Look("x", 7, final=False))["blocks"]
    assert actions["elements"][0]["value"] == "7"
    assert len(message(Look("x", 7, final=True))["blocks"]) == 1


def test_a_code_block_still_being_written_is_closed() -> None:
    assert message(Look("```py\nx =", 7, final=False))["blocks"][0]["text"] == "```py\nx =\n```"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ask <@U1> or <@U2|ada>", "ask @Grace or @ada"),
        ("<@U9> is unknown", "<@U9> is unknown"),
        ("in <#C1|general>", "in #general"),
        ("<https://x.example/a?b=1|the page>", "[the page](https://x.example/a?b=1)"),
        ("<https://x.example>", "<https://x.example>"),
        ("`<@U1>` and\n```\n<@U1> <https://x.example|a>\n```", None),
        ("```\n<@U1>", None),  # a block that still grows
    ],
)
def test_slacks_own_marks_are_shown_by_name_outside_of_code(text: str, shown: str | None) -> None:
    assert spelled(text, lambda one: "Grace" if one == "U1" else "") == (shown or text)


def test_names_never_make_a_piece_longer_than_slack_takes() -> None:
    piece = "<@U1>" * (PIECE_UNITS // 5)
    body = message(Look(piece, 1, final=True), name_of=lambda _: "x" * 80)
    assert limits.refusal(body["text"], body["blocks"], update=True) is None


def test_somebody_who_is_called_like_a_broadcast_calls_nobody() -> None:
    body = message(Look("ask <@U1>", 1, final=True), name_of=lambda _: "here")
    assert not LIVE.search(body["blocks"][0]["text"])
    assert not LIVE.search(body["text"])


def test_the_end_of_a_reply_that_failed_names_orders_as_they_are_typed() -> None:
    text = "⚠ I said /new.\n\n⚠ Begin anew with /new."
    failed = message(Look(text, 1, final=True, last=True, failed=True))
    assert failed["blocks"][0]["text"] == "⚠ I said /new.\n\n⚠ Begin anew with !new."


def test_a_warning_of_an_answers_own_stays_as_it_is() -> None:
    text = "⚠ Never type /forget lightly.\n\n⚠ /help lists all."
    body = message(Look(text, 1, final=True, last=True))
    assert (body["text"], body["blocks"][0]["text"]) == (text, text)
