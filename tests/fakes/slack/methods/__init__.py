"""The Web API's methods. Each takes a call (asked.py) and gives Slack's answer."""

from __future__ import annotations

from tests.fakes.slack.asked import Method
from tests.fakes.slack.methods import (
    assistant,
    auth,
    chat,
    conversations,
    files,
    reactions,
    streams,
    views,
)

TABLE: dict[str, Method] = {
    **assistant.TABLE,
    **auth.TABLE,
    **chat.TABLE,
    **conversations.TABLE,
    **files.TABLE,
    **reactions.TABLE,
    **streams.TABLE,
    **views.TABLE,
}
# What a bot's token must be allowed to do, where the workspace's scopes are given
SCOPES: dict[str, tuple[str, ...]] = {
    "assistant.threads.setStatus": ("chat:write", "assistant:write"),
    "assistant.threads.setSuggestedPrompts": ("assistant:write",),
    "assistant.threads.setTitle": ("assistant:write",),
    "chat.appendStream": ("chat:write",),
    "chat.delete": ("chat:write",),
    "chat.postEphemeral": ("chat:write",),
    "chat.postMessage": ("chat:write",),
    "chat.startStream": ("chat:write",),
    "chat.stopStream": ("chat:write",),
    "chat.update": ("chat:write",),
    "files.completeUploadExternal": ("files:write",),
    "files.getUploadURLExternal": ("files:write",),
    "files.info": ("files:read",),
    "reactions.add": ("reactions:write",),
    "reactions.remove": ("reactions:write",),
    "users.info": ("users:read",),
}
