"""What Slack sends of the home tab, the pane and the shortcut, and what is shown there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.answering.memories import Memory
from assistant.messages import ChatRef, Ignored
from assistant.orders.overview import Overview
from assistant.orders.usage import Used
from assistant.phrases import LANGUAGES, sentences
from bots.slack.agent.home import parse_home
from bots.slack.agent.home_view import home_view
from bots.slack.agent.opened import Opened, parse_opened
from bots.slack.agent.shortcut import (
    CALLBACK,
    About,
    form,
    parse_asked,
    parse_asking,
    quoted,
)
from tests.fakes.slack.blocks import faults, units

DM = ChatRef("slack", "a", "D1", "", "private")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
ABOUT = About("C1", "1.1", "", "U2", "", "hello")


def shaped(kind: str, *names: str) -> st.SearchStrategy[dict[str, Any]]:
    """A body of this kind with anything where something is expected."""
    return st.fixed_dictionaries({"type": st.just(kind)}, optional=dict.fromkeys(names, JSON))


EVENTS = st.sampled_from(["app_home_opened", "assistant_thread_started"]).flatmap(
    lambda kind: shaped(kind, "channel", "user", "tab", "view", "assistant_thread")
)
INTERACTIONS = st.sampled_from(["block_actions", "message_action", "view_submission"]).flatmap(
    lambda kind: shaped(
        kind, "user", "view", "actions", "message", "channel", "trigger_id", "callback_id"
    )
)


@given(JSON | EVENTS.map(lambda event: {"event": event}) | INTERACTIONS)
def test_no_body_whatever_it_is_raises(body: Any) -> None:
    view = {"type": "home", "callback_id": CALLBACK, "private_metadata": json.dumps(body)}
    within = {"type": "view_submission", "user": {"id": "U1"}, "view": view | {"id": "V1"}}
    for one in (body, within, {"type": "block_actions", "view": view, "actions": [body]}):
        parse_opened(one, "a")
        parse_home(one, "a")
        parse_asking(one)
        parse_asked(one)


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"event": {"type": kind, "channel": "D1", "user": "U1", **fields}}


def test_the_tabs_are_told_apart() -> None:
    home = event("app_home_opened", tab="home", view={"hash": "7"})
    assert parse_opened(home, "a") == Opened("home", DM, "U1", "7")
    assert parse_opened(event("app_home_opened", tab="messages"), "a") == Opened("pane", DM, "U1")
    assert parse_opened(event("app_home_opened", tab="about"), "a") == Ignored("unknown_tab")
    assert parse_opened(event("message"), "a") is None


def test_home_tab_and_pane_are_those_of_direct_messages_alone() -> None:
    elsewhere = event("app_home_opened", tab="home") | {}
    elsewhere["event"]["channel"] = "C1"
    assert parse_opened(elsewhere, "a") == Ignored("malformed")


@given(st.text(max_size=6_000), st.text(max_size=300))
def test_what_a_form_keeps_of_a_message_fits_whatever_it_is(text: str, author: str) -> None:
    clean = text.encode("utf-8", "replace").decode()
    about = About("C" * 12, "1" * 17, "1" * 17, "U" * 12, author, clean)
    kept = form(about, "en")["private_metadata"]
    assert len(kept) <= 3_000
    view = {"id": "V1", "callback_id": CALLBACK, "private_metadata": kept}
    asked = parse_asked({"type": "view_submission", "user": {"id": "U1"}, "view": view})
    assert asked is not None
    assert asked.about.whole is (asked.about.text == clean)
    assert clean.startswith(asked.about.text.removesuffix("…")) or asked.about.whole


@pytest.mark.parametrize(
    ("about", "names", "ours", "quote"),
    [
        (ABOUT, {"U2": "Grace"}, "", "> Grace wrote: hello"),
        (ABOUT, {}, "", "> Somebody wrote: hello"),
        (ABOUT, {"U2": "Outrider"}, "U2", "> You wrote: hello"),
        (About("C1", "1.1", "", "B1", "Builds", "a\n\nb"), {}, "", "> Builds wrote: a\n>\n> b"),
        (About("C1", "1.1", "", "U2", "", ""), {}, "", "> Somebody wrote: [no text]"),
    ],
)
def test_a_quote_says_who_wrote_what(
    about: About, names: dict[str, str], ours: str, quote: str
) -> None:
    assert quoted(about, names, ours) == quote


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("memories", [0, 1, 50])
def test_a_home_tab_keeps_slacks_limits(language: str, memories: int) -> None:
    used = Used(10**9, 10**9, 10**12, 10**12)
    overview = Overview(
        language,
        "",
        "p0",
        [(f"p{number}", "🦊" * 100) for number in range(120)],
        used,
        used,
        [Memory(number, "x" * 500) for number in range(memories)],
    )
    view = home_view(overview, "D1", "help " * 1_000, "Built with Llama")
    assert faults(view["blocks"]) == []
    assert len(view["blocks"]) <= 100
    assert view["private_metadata"] == "D1"
    assert view["blocks"][-1]["elements"][0]["text"] == "Built with Llama"
    assert sum(units(str(one.get("text", ""))) for one in view["blocks"]) < 20_000


def test_a_form_and_a_tab_speak_the_persons_language() -> None:
    said = sentences("de")
    shown = form(ABOUT, "de-AT")
    assert (shown["title"]["text"], shown["submit"]["text"]) == (
        said["ask.title"],
        said["ask.send"],
    )
