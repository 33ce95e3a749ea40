"""files.info, getUploadURLExternal and completeUploadExternal."""

from __future__ import annotations

import uuid
from typing import Any

from tests.fakes.slack.asked import Answer, Asked, Method
from tests.fakes.slack.files import SlackFile
from tests.fakes.slack.refused import Refused
from tests.fakes.slack.workspace import Version


def info(asked: Asked) -> Answer:
    found = asked.state.files.get(asked.text("file"))
    if found is None:
        raise Refused("file_not_found")
    if found.deleted:
        raise Refused("file_deleted")
    return {"file": found.payload(asked=True), "comments": []}


def upload_url(asked: Asked) -> Answer:
    asked.required("filename", "length")
    bot = asked.workspace.bot_user_id
    made = asked.state.add_file(asked.text("filename"), b"", "application/octet-stream", bot)
    made.ready, made.expected_bytes = False, int(asked.text("length"))
    ticket = uuid.uuid4().hex
    asked.state.uploads[ticket] = made.id
    return {"upload_url": f"{asked.state.url()}/upload/v1/{ticket}", "file_id": made.id}


def complete(asked: Asked) -> Answer:
    """Shares what was uploaded, in one message, where a channel is named."""
    given: Any = asked.arguments.get("files")
    if not isinstance(given, list) or not given:
        raise Refused("invalid_arguments", ["missing required field: files"])
    made: list[SlackFile] = []
    for one in given:
        found = asked.state.files.get(str(one.get("id")))
        if found is None or not found.ready:
            raise Refused("file_not_found")
        found.title = str(one.get("title") or "")
        made.append(found)
    if asked.text("channel_id"):
        _share(asked, made)
    return {"files": [one.payload() for one in made]}


def _share(asked: Asked, files: list[SlackFile]) -> None:
    workspace = asked.workspace
    channel = workspace.channels.get(asked.text("channel_id"))
    if channel is None:
        raise Refused("channel_not_found")
    message = workspace.add(
        channel.id,
        workspace.bot_user_id,
        Version(asked.text("initial_comment")),
        thread_ts=asked.text("thread_ts"),
        subtype="file_share",
        files=files,
    )
    asked.tell(asked.events.message(channel, message))


TABLE: dict[str, Method] = {
    "files.info": info,
    "files.getUploadURLExternal": upload_url,
    "files.completeUploadExternal": complete,
}
