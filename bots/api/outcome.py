"""How a turn ended, in the API's words."""

from __future__ import annotations

from assistant.messages import ReplyDelta
from bots.api.response import FinishReason, Usage
from bots.http.failures import Refused

RETRY_AFTER_SECONDS = "5"

_STATUS = {
    "prompt_too_long": (400, "context_length_exceeded"),
    "message_refused": (400, "message_refused"),
    "engine_overloaded": (429, "engine_overloaded"),
    "engine_unavailable": (503, "engine_unavailable"),
    "deadline": (503, "deadline"),
    "storage_unavailable": (503, "storage_unavailable"),
}


def failure(last: ReplyDelta) -> Refused | None:
    """What to refuse with, or None for a turn that ended well (or was stopped)."""
    if last.state in ("done", "stopped"):
        return None
    if last.state == "cancelled":
        return Refused(503, "The request was cancelled before it was answered.", code="cancelled")
    status, code = _STATUS.get(last.error_code, (500, last.error_code or "failed"))
    param = "messages" if status == 400 else None
    headers = {"retry-after": RETRY_AFTER_SECONDS} if status in (429, 503) else None
    sentence = last.error or "The answer failed. Try again."
    return Refused(status, sentence, code=code, param=param, headers=headers)


def finish_reason(last: ReplyDelta) -> FinishReason:
    return "length" if last.finish_reason == "length" else "stop"


def usage(last: ReplyDelta) -> Usage:
    return Usage(
        prompt_tokens=last.prompt_tokens,
        completion_tokens=last.output_tokens,
        total_tokens=last.prompt_tokens + last.output_tokens,
    )
