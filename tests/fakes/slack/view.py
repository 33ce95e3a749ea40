"""What the page shows: one workspace as one of its people sees it."""

from __future__ import annotations

from typing import Any

from tests.fakes.slack.server import Call, FakeSlack
from tests.fakes.slack.workspace import Channel, Message, Workspace

Fields = dict[str, Any]
CALLS = 200


def seen(slack: FakeSlack, workspace: Workspace, user: str, channel_id: str) -> Fields:
    channel = workspace.channel(channel_id)
    modal = [one for one in workspace.views.values() if one["seen_by"] == user]
    return {
        "workspaces": [
            {"team": one.team_id, "name": one.name, "installed": one.installed}
            for one in slack.state.workspaces.values()
        ],
        "people": [
            {"id": one.id, "name": one.name, "outsider": one.team_id != workspace.team_id}
            for one in workspace.people.values()
        ],
        "bot": {"id": workspace.bot_user_id, "name": "Outrider"},
        "channels": [_line(one, user) for one in workspace.channels.values() if _sees(one, user)],
        "channel": _line(channel, user),
        "messages": [
            _message(slack, workspace, one) for one in channel.messages.values() if not one.deleted
        ],
        "ephemerals": [
            {
                "thread": one.thread_ts,
                "text": one.version.text,
                "blocks": list(one.version.blocks),
            }
            for one in workspace.ephemerals
            if (one.channel, one.user) == (channel_id, user)
        ],
        "statuses": _statuses(workspace, channel_id),
        "titles": {ts: title for (at, ts), title in workspace.titles.items() if at == channel_id},
        "prompts": {ts: one for (at, ts), one in workspace.prompts.items() if at == channel_id},
        "home": workspace.homes.get(user),
        "modal": modal[-1] if modal else None,
        "calls": [_call(one) for one in slack.calls[-CALLS:]],
    }


def _line(channel: Channel, user: str) -> Fields:
    return {
        "id": channel.id,
        "name": channel.name or channel.id,
        "kind": channel.kind,
        "shared": channel.is_ext_shared,
        "hasBot": channel.has_bot,
    }


def _sees(channel: Channel, user: str) -> bool:
    return channel.kind != "im" or channel.id == f"D{user}"


def _statuses(workspace: Workspace, channel_id: str) -> Fields:
    found: Fields = {}
    for at, ts in workspace.statuses:
        status = workspace.status(at, ts)
        if status and at == channel_id:
            found[ts] = {"text": status.text, "loading": list(status.loading_messages)}
    return found


def _message(slack: FakeSlack, workspace: Workspace, message: Message) -> Fields:
    now, person = message.now, workspace.people.get(message.user)
    stream = message.stream
    return {
        "ts": message.ts,
        "thread": message.thread_ts if message.thread_ts != message.ts else "",
        "user": message.user,
        "name": "Outrider" if message.user == workspace.bot_user_id else _name(message, person),
        "bot": bool(message.bot_id),
        "ours": message.bot_id == workspace.bot_id,
        "outsider": bool(message.team_id),
        "subtype": message.subtype,
        "text": now.text,
        "streamed": now.streamed,
        "blocks": list(now.blocks),
        "files": [
            {"id": one.id, "name": one.name, "bytes": len(one.content)} for one in message.files
        ],
        "attachments": message.attachments,
        "edits": message.edits,
        "reactions": message.reactions,
        "broadcasts": now.broadcasts if message.bot_id == workspace.bot_id else [],
        "stream": stream.state(slack.state.clock()) if stream else "",
        "plan": stream.plan if stream else "",
        "tasks": list(stream.tasks.values()) if stream else [],
    }


def _name(message: Message, person: Any) -> str:
    return "Another app" if message.bot_id else person.name if person else message.user


def _call(call: Call) -> Fields:
    return {
        "method": call.method,
        "arguments": dict(call.arguments),
        "at": round(call.at, 2),
        "error": call.error,
        "team": call.team,
    }
