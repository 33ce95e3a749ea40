"""The bodies that Slack sends when people press, choose, submit and command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.fakes.slack.state import APP_ID, State
from tests.fakes.slack.workspace import Message, Workspace

Body = dict[str, Any]


def _who(state: State, workspace: Workspace, user: str) -> Body:
    person = workspace.person(user)
    return {
        "user": {
            "id": user,
            "username": person.name.lower(),
            "name": person.name.lower(),
            "team_id": person.team_id,
        },
        "api_app_id": APP_ID,
        "token": "fake",
        "team": {"id": workspace.team_id, "domain": workspace.domain},
        "trigger_id": state.trigger(workspace, user),
        "is_enterprise_install": False,
    }


def pressed(
    state: State, workspace: Workspace, message: Message, action_id: str, user: str, **chosen: Any
) -> Body:
    """A button of a message. For feedback buttons `chosen` is the value of one of the two."""
    button = message.now.button(action_id)
    if button is None:
        raise LookupError(f"The message {message.ts} has no button {action_id!r} now.")
    channel = workspace.channel(message.channel)
    container = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel,
        "is_ephemeral": False,
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    return {
        "type": "block_actions",
        **_who(state, workspace, user),
        "container": container,
        "channel": {"id": message.channel, "name": channel.name or "directmessage"},
        "message": message.payload(),
        "state": {"values": {}},
        "response_url": state.response_url(workspace, message.channel, user, message),
        "actions": [_action(button, chosen) | {"action_ts": workspace.stamp()}],
    }


def _action(button: Mapping[str, Any], chosen: Mapping[str, Any]) -> Body:
    if button["type"] != "feedback_buttons":
        return dict(button) | dict(chosen)
    values = [button[name]["value"] for name in ("positive_button", "negative_button")]
    if chosen.get("value") not in values:
        raise LookupError(f"The feedback buttons have no value {chosen.get('value')!r}.")
    kept = {name: button[name] for name in ("type", "action_id", "block_id")}
    texts = {button[n]["value"]: button[n]["text"] for n in ("positive_button", "negative_button")}
    return kept | {"value": chosen["value"], "text": texts[chosen["value"]]}


def pressed_in_view(
    state: State,
    workspace: Workspace,
    view: Mapping[str, Any],
    action: Mapping[str, Any],
    user: str,
) -> Body:
    """A control of the home tab or of a modal."""
    return {
        "type": "block_actions",
        **_who(state, workspace, user),
        "container": {"type": "view", "view_id": view["id"]},
        "view": dict(view),
        "actions": [dict(action)],
    }


def shortcut(
    state: State, workspace: Workspace, message: Message, callback_id: str, user: str
) -> Body:
    channel = workspace.channel(message.channel)
    return {
        "type": "message_action",
        "callback_id": callback_id,
        **_who(state, workspace, user),
        "channel": {"id": message.channel, "name": channel.name or "directmessage"},
        "message_ts": message.ts,
        "message": message.payload(),
        "action_ts": workspace.stamp(),
        "response_url": state.response_url(workspace, message.channel, user),
    }


def submitted(
    state: State, workspace: Workspace, view: Mapping[str, Any], values: Body, user: str
) -> Body:
    shown = dict(view) | {"state": {"values": values}}
    return {"type": "view_submission", **_who(state, workspace, user), "view": shown}


def command(
    state: State, workspace: Workspace, channel_id: str, user: str, name: str, text: str
) -> Body:
    """Flat, as a form has it. Slack offers no command in a thread, so there is none here."""
    channel, person = workspace.channel(channel_id), workspace.person(user)
    return {
        "token": "fake",
        "team_id": workspace.team_id,
        "team_domain": workspace.domain,
        "channel_id": channel.id,
        "channel_name": channel.name or ("directmessage" if channel.kind == "im" else "general"),
        "user_id": user,
        "user_name": person.name.lower(),
        "command": name,
        "text": text,
        "api_app_id": APP_ID,
        "is_enterprise_install": "false",
        "response_url": state.response_url(workspace, channel.id, user),
        "trigger_id": state.trigger(workspace, user),
    }
