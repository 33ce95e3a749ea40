"""chat.startStream, appendStream and stopStream.

The codes are those that Slack's own pages and libraries name, and two that its server was seen to
give: streaming_state_conflict (chat.update on a running stream) and streaming_mode_mismatch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from tests.fakes.slack import limits
from tests.fakes.slack.asked import Answer, Asked, Method
from tests.fakes.slack.blocks import units
from tests.fakes.slack.methods.chat import metadata_of
from tests.fakes.slack.refused import Refused
from tests.fakes.slack.stream import Stream
from tests.fakes.slack.workspace import Channel, Message, Version

_STATUSES = ("pending", "in_progress", "complete", "error")


def start(asked: Asked) -> Answer:
    """Metadata can't be given here: a stream has it only from its end on."""
    channel = asked.writable()
    asked.required("thread_ts")
    if not channel.takes_streams:
        raise Refused("channel_type_not_supported")
    stream = Stream(asked.state.clock(), asked.state.stream_seconds, _mode(asked, needed=False))
    stream.recipient_team, stream.recipient_user = _recipient(asked, channel)
    _check(asked)
    workspace = asked.workspace
    message = workspace.add(
        channel.id, workspace.bot_user_id, Version(""), thread_ts=asked.text("thread_ts")
    )
    message.stream = stream
    _grow(asked, message, stream)
    workspace.statuses.pop((channel.id, message.thread_ts), None)
    asked.tell(asked.events.message(channel, message))
    return {"channel": channel.id, "ts": message.ts}


def append(asked: Asked) -> Answer:
    message, stream = _streaming(asked)
    mode = _mode(asked, needed=True)
    stream.mode = stream.mode or mode
    if mode != stream.mode:
        raise Refused("streaming_mode_mismatch")
    _check(asked)
    stream.appends += 1
    _grow(asked, message, stream)
    return {"channel": message.channel, "ts": message.ts}


def stop(asked: Asked) -> Answer:
    message, stream = _streaming(asked)
    mode = _mode(asked, needed=False)
    if mode and stream.mode and mode != stream.mode:
        raise Refused("streaming_mode_mismatch")
    blocks: Any = asked.arguments.get("blocks") or ()
    limits.check_blocks(blocks, limits.BLOCKS)
    metadata = metadata_of(asked)
    _check(asked)
    before = message.payload()
    _grow(asked, message, stream, tuple(blocks))
    message.metadata = metadata or message.metadata
    stream.ended = "stopped"
    channel = asked.workspace.channel(message.channel)
    asked.tell(asked.events.changed(channel, before, message.payload()))
    return {"channel": channel.id, "ts": message.ts, "message": message.payload()}


def _recipient(asked: Asked, channel: Channel) -> tuple[str, str]:
    team, user = asked.text("recipient_team_id"), asked.text("recipient_user_id")
    if (team or user or channel.kind != "im") and not user:
        raise Refused("missing_recipient_user_id")
    if (team or user or channel.kind != "im") and not team:
        raise Refused("missing_recipient_team_id")
    person = asked.workspace.people.get(user)
    if user and person is None:
        raise Refused("user_not_found")
    if person and person.team_id != team:
        raise Refused("team_not_found")
    return team, user


def _streaming(asked: Asked) -> tuple[Message, Stream]:
    message = asked.own("message_not_owned_by_app")
    state = message.stream.state(asked.state.clock()) if message.stream else "none"
    if state == "stopped_by_user":
        raise Refused("stopped_by_user")
    if message.stream is None or state != "streaming":
        raise Refused("message_not_in_streaming_state")
    return message, message.stream


def _mode(asked: Asked, *, needed: bool) -> Literal["", "markdown_text", "chunks"]:
    text, chunks = asked.text("markdown_text"), asked.arguments.get("chunks")
    if text and chunks:
        raise Refused("cannot_provide_both_markdown_text_and_chunks")
    if text:
        return "markdown_text"
    if chunks:
        return "chunks"
    if needed:
        raise Refused("no_text")
    return ""


def _chunks(asked: Asked) -> list[Mapping[str, Any]]:
    chunks: Any = asked.arguments.get("chunks") or []
    if text := asked.text("markdown_text"):
        return [{"type": "markdown_text", "text": text}]
    if not isinstance(chunks, list) or not all(isinstance(one, dict) for one in chunks):
        raise Refused("invalid_chunks")
    return chunks


def _check(asked: Asked) -> None:
    """Each piece by itself: Slack counts no sum over a stream's pieces."""
    for chunk in _chunks(asked):
        match chunk.get("type"):
            case "markdown_text":
                text = chunk.get("text")
                if not isinstance(text, str):
                    raise Refused("invalid_chunks")
                if units(text) > limits.MARKDOWN:
                    raise Refused("msg_too_long")
            case "task_update":
                if not chunk.get("id") or chunk.get("status") not in _STATUSES:
                    raise Refused("invalid_chunks")
            case "plan_update":
                if not chunk.get("title"):
                    raise Refused("invalid_chunks")
            case "blocks":
                limits.check_blocks(chunk.get("blocks") or (), limits.BLOCKS)
            case _:
                raise Refused("invalid_chunks")


def _grow(
    asked: Asked, message: Message, stream: Stream, blocks: tuple[Mapping[str, Any], ...] = ()
) -> None:
    text, shown = message.now.streamed, message.now.blocks
    for chunk in _chunks(asked):
        match chunk["type"]:
            case "markdown_text":
                text += str(chunk["text"])
            case "task_update":
                task = stream.tasks.setdefault(str(chunk["id"]), {"details": ""})
                details = task["details"] + str(chunk.get("details") or "")
                task |= dict(chunk) | {"details": details}
            case "plan_update":
                stream.plan = str(chunk["title"])
            case "blocks":
                shown += tuple(chunk["blocks"])
    version = Version(limits.cut(text), shown + blocks, text)
    if version == message.now:
        return
    if not message.now.streamed and not message.now.blocks and len(message.versions) == 1:
        message.versions.clear()  # nothing was shown so far
    message.versions.append(version)
    asked.workspace.note_broadcasts(message)


TABLE: dict[str, Method] = {
    "chat.startStream": start,
    "chat.appendStream": append,
    "chat.stopStream": stop,
}
