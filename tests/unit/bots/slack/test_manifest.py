"""The app manifest asks for what the code uses, and for nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from assistant.answering.personas import MOST_PROMPTS
from assistant.messages import Ignored
from assistant.phrases import Phrase, say
from bots.slack.agent.opened import parse_opened
from bots.slack.agent.shortcut import CALLBACK
from bots.slack.identity import BotIdentity
from bots.slack.install.belonging import LEAVES
from bots.slack.install.scopes import SCOPES
from bots.slack.reading.parse import Reading, parse_event

ROOT = Path(__file__).parents[4]
MANIFEST = ROOT / "deploy" / "slack-manifest.yaml"

# docs.slack.dev, the methods' and the events' pages
HISTORY = frozenset({"im:history", "channels:history", "groups:history", "mpim:history"})
SCOPES_OF_METHOD = {
    "auth_test": frozenset[str](),
    "apps_connections_open": frozenset[str](),  # the app token's
    "auth_revoke": frozenset[str](),
    "oauth_v2_access": frozenset[str](),  # the app's
    "chat_postMessage": frozenset({"chat:write"}),
    "chat_update": frozenset({"chat:write"}),
    "chat_delete": frozenset({"chat:write"}),
    "conversations_history": HISTORY,
    "conversations_replies": HISTORY,
    "reactions_add": frozenset({"reactions:write"}),
    "chat_postEphemeral": frozenset({"chat:write"}),
    "users_info": frozenset({"users:read"}),
    "files_info": frozenset({"files:read"}),
    "chat_startStream": frozenset({"chat:write"}),
    "chat_appendStream": frozenset({"chat:write"}),
    "chat_stopStream": frozenset({"chat:write"}),
    "assistant_threads_setStatus": frozenset({"assistant:write"}),
    "files_getUploadURLExternal": frozenset({"files:write"}),
    "files_completeUploadExternal": frozenset({"files:write"}),
    "assistant_threads_setSuggestedPrompts": frozenset({"assistant:write"}),
    "assistant_threads_setTitle": frozenset({"assistant:write"}),
    "views_open": frozenset[str](),
    "views_publish": frozenset[str](),
}
SCOPE_OF_SLASH_COMMANDS = "commands"
SCOPE_OF_EVENT = {
    "message.im": "im:history",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.mpim": "mpim:history",
    "app_mention": "app_mentions:read",
    "app_home_opened": "",  # none
}
# Told to every app that asks for it, without a scope
OF_THE_APP = LEAVES
_CALL = re.compile(r"client\.([a-z]+_[A-Za-z0-9_]+)")


@pytest.fixture
def manifest() -> dict[str, Any]:
    loaded = yaml.safe_load(MANIFEST.read_text())
    assert isinstance(loaded, dict)
    return loaded


def methods_called() -> set[str]:
    sources = (ROOT / "bots" / "slack").rglob("*.py")
    named = {name for source in sources for name in _CALL.findall(source.read_text())}
    return named - {"base_url", "on_dead_token"}  # which are no methods


def test_the_code_calls_only_methods_whose_scope_is_known() -> None:
    assert methods_called() == set(SCOPES_OF_METHOD)


def test_the_scopes_are_those_of_the_calls_and_events(manifest: dict[str, Any]) -> None:
    events = manifest["settings"]["event_subscriptions"]["bot_events"]
    needed = set[str]().union(*(SCOPES_OF_METHOD[name] for name in methods_called()))
    needed |= {SCOPE_OF_EVENT[event] for event in set(events) - OF_THE_APP} - {""}
    features = manifest["features"]
    if features["slash_commands"] or features["shortcuts"]:
        needed.add(SCOPE_OF_SLASH_COMMANDS)
    scopes = manifest["oauth_config"]["scopes"]
    assert set(scopes) == {"bot"}
    assert set(scopes["bot"]) == needed
    assert len(scopes["bot"]) == len(needed)


def test_a_workspace_that_installs_the_app_is_asked_for_the_same_scopes(
    manifest: dict[str, Any],
) -> None:
    assert sorted(SCOPES) == sorted(manifest["oauth_config"]["scopes"]["bot"])


def test_a_workspace_that_leaves_tells_us(manifest: dict[str, Any]) -> None:
    assert set(manifest["settings"]["event_subscriptions"]["bot_events"]) >= LEAVES


def test_every_event_that_is_asked_for_is_understood(manifest: dict[str, Any]) -> None:
    events = manifest["settings"]["event_subscriptions"]["bot_events"]
    for name in set(events) - OF_THE_APP:
        kind = name.partition(".")[0]
        event = {"type": kind, "channel": "D1", "user": "U1", "ts": "1.1", "text": "hi"}
        body = {"event_id": "E", "event": event | {"tab": "messages"}}
        opened = parse_opened(body, "a")
        parsed = opened or parse_event(body, Reading(BotIdentity("U", "B", "T"), "a"))
        assert not isinstance(parsed, Ignored)


def test_the_shortcut_is_the_one_that_the_code_knows(manifest: dict[str, Any]) -> None:
    [shortcut] = manifest["features"]["shortcuts"]
    assert (shortcut["type"], shortcut["callback_id"]) == ("message", CALLBACK)
    assert len(shortcut["name"]) <= 24


def test_the_agent_pane_and_the_home_tab_are_on(manifest: dict[str, Any]) -> None:
    features = manifest["features"]
    assert features["app_home"]["home_tab_enabled"] is True
    assert "assistant_view" not in features  # Slack takes one of the two
    first = [one["message"] for one in features["agent_view"]["suggested_prompts"]]
    assert first == say(Phrase("prompts.default")).splitlines()
    assert len(first) <= MOST_PROMPTS


def test_socket_mode_the_stop_button_and_direct_messages_are_on(manifest: dict[str, Any]) -> None:
    assert manifest["settings"]["socket_mode_enabled"] is True
    assert manifest["settings"]["interactivity"]["is_enabled"] is True
    home = manifest["features"]["app_home"]
    assert home["messages_tab_enabled"] is True
    assert home["messages_tab_read_only_enabled"] is False


def test_every_scope_and_kind_of_event_says_what_it_is_for() -> None:
    lines = MANIFEST.read_text().splitlines()
    scopes = [line for line in lines if re.match(r"\s+- ([a-z_]+:[a-z]+|commands\b)", line)]
    assert scopes
    assert all("#" in line for line in scopes)


def test_names_keep_slacks_limits(manifest: dict[str, Any]) -> None:
    assert len(manifest["display_information"]["name"]) <= 35
    assert len(manifest["display_information"]["description"]) <= 140
    assert len(manifest["features"]["bot_user"]["display_name"]) <= 80
