"""Slack's error codes and aiohttp's failures as the assistant's errors. No token gets in.

Source: the error tables of the methods that we call, on docs.slack.dev.
"""

from __future__ import annotations

import aiohttp
from slack_sdk.errors import SlackApiError

from assistant.errors import (
    ChannelError,
    ContentRefused,
    CredentialsRefused,
    MessageGone,
    PlatformUnavailable,
    RateLimited,
    RecipientUnreachable,
    SendOutcomeUnknown,
    StoppedByPerson,
)

DEFAULT_RETRY_AFTER_SECONDS = 30.0


class NotDeletable(MessageGone):
    """The message stands, but this workspace doesn't let us take it away."""


class BlocksRefused(ContentRefused):
    """Slack doesn't take what the message is made of."""


class TokenDead(CredentialsRefused):
    """Slack doesn't know the token (any more): the app was taken off, or the token given back."""


class NotStreaming(ChannelError):
    """The message is no stream, or none any more."""

    code = "not_streaming"


class StreamRunning(ChannelError):
    """The message is a stream that must be ended first."""

    code = "stream_running"


_OF_CODE: dict[str, type[ChannelError]] = {
    "invalid_auth": TokenDead,
    "not_authed": CredentialsRefused,
    "token_revoked": TokenDead,
    "token_expired": TokenDead,
    "account_inactive": TokenDead,
    "missing_scope": CredentialsRefused,
    "not_allowed_token_type": CredentialsRefused,
    "no_permission": CredentialsRefused,
    "access_denied": CredentialsRefused,
    "invalid_client_id": CredentialsRefused,
    "bad_client_secret": CredentialsRefused,
    "channel_not_found": RecipientUnreachable,
    "not_in_channel": RecipientUnreachable,
    "is_archived": RecipientUnreachable,
    "user_not_found": RecipientUnreachable,
    "cannot_dm_bot": RecipientUnreachable,
    "restricted_action": RecipientUnreachable,
    "restricted_action_thread_only_channel": RecipientUnreachable,
    "restricted_action_read_only_channel": RecipientUnreachable,
    "cannot_reply_to_message": RecipientUnreachable,
    "messages_tab_disabled": RecipientUnreachable,
    "channel_type_not_supported": RecipientUnreachable,
    "missing_recipient_user_id": RecipientUnreachable,
    "missing_recipient_team_id": RecipientUnreachable,
    "team_not_found": RecipientUnreachable,
    "message_not_in_streaming_state": NotStreaming,
    "streaming_mode_mismatch": NotStreaming,
    "streaming_state_conflict": StreamRunning,
    "stopped_by_user": StoppedByPerson,
    "message_not_found": MessageGone,
    "cant_update_message": MessageGone,
    "cant_delete_message": NotDeletable,
    "compliance_exports_prevent_deletion": NotDeletable,
    "edit_window_closed": MessageGone,
    "msg_too_long": ContentRefused,
    "msg_blocks_too_long": ContentRefused,
    "invalid_blocks": BlocksRefused,
    "invalid_blocks_format": BlocksRefused,
    "block_mismatch": ContentRefused,
    "no_text": ContentRefused,
    "too_many_attachments": ContentRefused,
    "service_unavailable": PlatformUnavailable,
    "team_added_to_org": PlatformUnavailable,
}
# Slack: "It's possible some aspect of the operation succeeded before the error was raised."
_UNKNOWN_OUTCOME = frozenset({"internal_error", "fatal_error", "request_timeout"})


def of_answer(error: SlackApiError, *, repeatable: bool) -> ChannelError:
    """Slack answered, but not with ok. `repeatable`: doing the call twice does no harm."""
    response = error.response
    status: int = getattr(response, "status_code", 0) or getattr(response, "status", 0)
    code = code_of(response)
    if status == 429 or code in ("ratelimited", "rate_limited"):
        return RateLimited(_retry_after(getattr(response, "headers", {})))
    if kind := _OF_CODE.get(code):
        return kind(f"Slack refused the call: {code}.")
    if status == 503:
        return PlatformUnavailable("Slack is not available (503).")
    if status >= 500 or code in _UNKNOWN_OUTCOME or not code:
        return lost(f"Slack failed ({code or status}).", repeatable=repeatable)
    return ChannelError(f"Slack refused the call: {code}.")


def of_connection(error: Exception, *, repeatable: bool) -> ChannelError:
    """No answer came, or none that can be read."""
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return PlatformUnavailable("Slack can't be reached.")
    return lost("The connection to Slack broke before its answer came.", repeatable=repeatable)


def lost(sentence: str, *, repeatable: bool) -> ChannelError:
    return PlatformUnavailable(sentence) if repeatable else SendOutcomeUnknown(sentence)


def code_of(response: object) -> str:
    """Slack's own word for what is wrong; empty where the answer has none."""
    data = getattr(response, "data", None)
    code = data.get("error") if isinstance(data, dict) else None
    return code if isinstance(code, str) else ""


def _retry_after(headers: object) -> float:
    pairs = headers.items() if hasattr(headers, "items") else ()
    values = [value for name, value in pairs if str(name).lower() == "retry-after"]
    try:
        return max(float(values[0]), 1.0) if values else DEFAULT_RETRY_AFTER_SECONDS
    except ValueError:
        return DEFAULT_RETRY_AFTER_SECONDS
