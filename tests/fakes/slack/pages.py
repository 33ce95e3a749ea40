"""A conversation's messages page by page, as Slack gives them: by time, by number, by cursor."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from tests.fakes.slack.refused import Refused
from tests.fakes.slack.workspace import Message

DEFAULT_MESSAGES = 100
MOST_MESSAGES = 999
_TRUE = frozenset({"1", "true", "True"})


def within(ts: str, arguments: Mapping[str, Any]) -> bool:
    """Whether it was written after `oldest`, and itself is not it unless `inclusive`."""
    oldest = str(arguments.get("oldest") or "")
    if not oldest:
        return True
    if str(arguments.get("inclusive", "")) in _TRUE and _time(ts) == _time(oldest):
        return True
    return _time(ts) > _time(oldest)


def page(
    messages: Sequence[Message], arguments: Mapping[str, Any], most: int = MOST_MESSAGES
) -> dict[str, Any]:
    """One page of them, in this order. `most` is what this server gives at once."""
    limit = _limit(arguments)
    begin = _begin(messages, str(arguments.get("cursor") or ""))
    end = begin + min(limit, most)
    with_metadata = str(arguments.get("include_all_metadata", "")) in _TRUE
    listed = [one.payload(with_metadata=with_metadata) for one in messages[begin:end]]
    answer: dict[str, Any] = {"messages": listed, "has_more": end < len(messages)}
    if end < len(messages):
        cursor = base64.b64encode(f"next_ts:{messages[end].ts}".encode()).decode()
        answer["response_metadata"] = {"next_cursor": cursor}
    return answer


def _limit(arguments: Mapping[str, Any]) -> int:
    limit = int(arguments.get("limit") or DEFAULT_MESSAGES)
    if not 1 <= limit <= MOST_MESSAGES:
        raise Refused("invalid_limit")
    return limit


def _begin(messages: Sequence[Message], cursor: str) -> int:
    """Cursors name a message, so that what is written meanwhile moves nothing."""
    if not cursor:
        return 0
    try:
        name, _, ts = base64.b64decode(cursor, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Refused("invalid_cursor") from None
    found = [number for number, one in enumerate(messages) if one.ts == ts]
    if name != "next_ts" or not found:
        raise Refused("invalid_cursor")
    return found[0]


def _time(ts: str) -> tuple[int, int]:
    try:
        seconds, _, part = ts.partition(".")
        return int(seconds), int(part.ljust(6, "0"))
    except ValueError:
        raise Refused("invalid_ts_oldest") from None
