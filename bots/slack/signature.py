"""Slack's request signature, version v0.

Source: docs.slack.dev, "Verifying requests from Slack".
"""

from __future__ import annotations

import hashlib
import hmac

from pydantic import SecretStr

WINDOW_SECONDS = 300


def refusal(
    secret: SecretStr | None, timestamp: str, signature: str, body: bytes, now: float
) -> str | None:
    """None for a request that Slack signed within the window, else the sentence to refuse with."""
    if secret is None or not secret.get_secret_value():
        return "Slack's events over HTTP are off: no signing secret is set."
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return "The request carries no timestamp of Slack's."
    if abs(now - int(timestamp)) > WINDOW_SECONDS:
        return "The request is older than five minutes, or from the future."
    key = secret.get_secret_value().encode()
    digest = hmac.new(key, b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(f"v0={digest}".encode(), signature.encode("utf-8", "replace")):
        return "The request is not signed with this app's signing secret."
    return None
