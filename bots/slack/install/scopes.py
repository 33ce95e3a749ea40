"""What the app asks a workspace for; deploy/slack-manifest.yaml says what each is for."""

from __future__ import annotations

SCOPES = (
    "chat:write",
    "im:history",
    "app_mentions:read",
    "channels:history",
    "groups:history",
    "mpim:history",
    "commands",
    "users:read",
    "assistant:write",
    "files:read",
    "files:write",
    "reactions:write",
)
