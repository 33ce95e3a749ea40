"""chat.postMessage, postEphemeral, update and delete."""

from __future__ import annotations

import re
from typing import Any

from tests.fakes.slack import limits
from tests.fakes.slack.asked import Answer, Asked, Method
from tests.fakes.slack.blocks import units
from tests.fakes.slack.refused import Refused
from tests.fakes.slack.workspace import Ephemeral, Version


def post(asked: Asked) -> Answer:
    channel = asked.writable()
    version = content(asked, update=False)
    metadata = metadata_of(asked)
    workspace = asked.workspace
    message = workspace.add(
        channel.id,
        workspace.bot_user_id,
        version,
        thread_ts=asked.text("thread_ts"),
        metadata=metadata,
    )
    workspace.statuses.pop((channel.id, message.thread_ts), None)
    # Slack tells an app of its own messages too
    asked.tell(asked.events.message(channel, message))
    return {"channel": channel.id, "ts": message.ts, "message": message.payload()}


def post_ephemeral(asked: Asked) -> Answer:
    channel = asked.writable()
    version = content(asked, update=False)
    if asked.text("user") not in asked.workspace.people:
        raise Refused("user_not_in_channel")
    seen = Ephemeral(channel.id, asked.text("user"), version, asked.text("thread_ts"))
    asked.workspace.ephemerals.append(seen)
    return {"message_ts": asked.workspace.stamp()}


def update(asked: Asked) -> Answer:
    channel, message = asked.writable(), asked.own("cant_update_message")
    if message.stream and message.stream.state(asked.state.clock()) == "streaming":
        raise Refused("streaming_state_conflict")
    version = content(asked, update=True, before=message.now)
    before = message.payload()
    message.metadata = metadata_of(asked) or message.metadata
    message.edit(version)
    asked.workspace.note_broadcasts(message)
    asked.tell(asked.events.changed(channel, before, message.payload()))
    return {"channel": channel.id, "ts": message.ts, "text": version.text}


def delete(asked: Asked) -> Answer:
    message = asked.own("cant_delete_message")
    channel = asked.workspace.channel(message.channel)
    if not channel.deletable:
        raise Refused("compliance_exports_prevent_deletion")
    message.deleted = True
    asked.tell(asked.events.deleted(channel, message.payload()))
    return {"channel": message.channel, "ts": message.ts}


def content(asked: Asked, *, update: bool, before: Version | None = None) -> Version:
    """What is to be shown. An update that names no blocks leaves those that there are."""
    text, markdown = asked.text("text"), asked.text("markdown_text")
    blocks: Any = asked.arguments.get("blocks")
    if markdown:
        if text or blocks:
            raise Refused("markdown_text_conflict")
        if units(markdown) > limits.MARKDOWN:
            raise Refused("msg_too_long")
        return Version(markdown, ({"type": "markdown", "text": markdown},))
    limits.check(text, blocks or (), update=update)
    if asked.arguments.get("link_names") or asked.arguments.get("parse") == "full":
        text = re.sub(r"@(channel|here|everyone)", r"<!\1>", text)
    kept = before.blocks if before and blocks is None else tuple(blocks or ())
    return Version(limits.cut(text), kept)


def metadata_of(asked: Asked) -> Any:
    metadata = asked.arguments.get("metadata")
    if limits.bad_metadata(metadata):
        raise Refused("invalid_metadata_format")
    return metadata


TABLE: dict[str, Method] = {
    "chat.postMessage": post,
    "chat.postEphemeral": post_ephemeral,
    "chat.update": update,
    "chat.delete": delete,
}
