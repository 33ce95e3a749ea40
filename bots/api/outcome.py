"""How a turn ended, in the API's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assistant.answering.canned import BLOCKED
from assistant.messages import ReplyDelta
from bots.api.response import (
    Call,
    CallDelta,
    CalledFunction,
    FinishReason,
    LikelyToken,
    Logprobs,
    PromptTokensDetails,
    TokenChance,
    Usage,
)
from bots.http.failures import Refused
from inference.api import TokenLogprob

RETRY_AFTER_SECONDS = "5"

_STATUS = {
    "prompt_too_long": (400, "context_length_exceeded"),
    "prompt_refused": (400, "prompt_refused"),
    "message_refused": (400, "message_refused"),
    "bad_grammar": (400, "bad_grammar"),
    "sampling_refused": (400, "sampling_refused"),
    "images_refused": (400, "images_refused"),
    "engine_overloaded": (429, "engine_overloaded"),
    "engine_unavailable": (503, "engine_unavailable"),
    "deadline": (503, "deadline"),
    "storage_unavailable": (503, "storage_unavailable"),
    "embedding_timeout": (503, "embedding_timeout"),
    "embedding_unreachable": (503, "embedding_unreachable"),
}

_REASONS: Mapping[str, FinishReason] = {
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    BLOCKED: "content_filter",
}
_PARAM = {"bad_grammar": "response_format", "sampling_refused": None}


def failure(last: ReplyDelta, asked: str = "messages") -> Refused | None:
    """What to refuse with, or None for a turn that ended well (or was stopped). `asked` is the
    field that the prompt came in."""
    if last.state in ("done", "stopped"):
        return None
    if last.state == "cancelled":
        return Refused(503, "The request was cancelled before it was answered.", code="cancelled")
    return refused_by(last.error_code, last.error or "The answer failed. Try again.", asked)


def refused_by(error_code: str, sentence: str, asked: str) -> Refused:
    """What an error of the service or of the engine is in the API's words."""
    status, code = _STATUS.get(error_code, (500, error_code or "failed"))
    param = _PARAM.get(error_code, asked) if status == 400 else None
    headers = {"retry-after": RETRY_AFTER_SECONDS} if status in (429, 503) else None
    return Refused(status, sentence, code=code, param=param, headers=headers)


def finish_reason(last: ReplyDelta) -> FinishReason:
    return _REASONS.get(last.finish_reason, "stop")


def usage(*ends: ReplyDelta) -> Usage:
    """Of all turns together, by their last deltas."""
    prompt = sum(last.prompt_tokens for last in ends)
    output = sum(last.output_tokens for last in ends)
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=output,
        total_tokens=prompt + output,
        prompt_tokens_details=PromptTokensDetails(
            cached_tokens=sum(last.cached_tokens for last in ends)
        ),
    )


def calls(last: ReplyDelta) -> list[Call]:
    return [
        Call(id=one.id, function=CalledFunction(name=one.name, arguments=one.arguments))
        for one in last.tool_calls
    ]


def call_deltas(last: ReplyDelta) -> list[CallDelta]:
    return [
        CallDelta(index=index, id=one.id, function=one.function)
        for index, one in enumerate(calls(last))
    ]


def logprobs(given: Sequence[TokenLogprob]) -> Logprobs:
    return Logprobs(
        content=[
            TokenChance(
                **_likely(one.token, one.logprob),
                top_logprobs=[LikelyToken(**_likely(*other)) for other in one.top],
            )
            for one in given
        ]
    )


def _likely(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}
