"""Prompts and tool calls as Postgres keeps them: JSON of as few words as possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from inference.api import ChatMessage, Image, Prompt, Role, ToolCall


def messages_written(prompt: Prompt) -> list[list[Any]]:
    return [_message_written(one) for one in prompt.messages]


def prompt_read(messages: list[list[Any]] | None, token_ids: list[int] | None) -> Prompt | None:
    if messages is None:
        return None
    given = tuple(_message_read(*one) for one in messages)
    return Prompt(given, None if token_ids is None else tuple(token_ids))


def calls_written(calls: Sequence[ToolCall]) -> list[dict[str, str]]:
    return [asdict(call) for call in calls]


def calls_read(written: Sequence[Mapping[str, str]] | None) -> tuple[ToolCall, ...]:
    return tuple(ToolCall(**one) for one in written or ())


def _message_written(message: ChatMessage) -> list[Any]:
    """Of its images only what they are: their content stands in `attachments`, by their keys."""
    images = [[one.media_type, one.width, one.height, one.key] for one in message.images]
    written = [message.role, message.content]
    if message.tool_calls or message.tool_call_id:
        return [*written, images, calls_written(message.tool_calls), message.tool_call_id]
    return [*written, *([images] if images else [])]


def _message_read(
    role: Role,
    content: str,
    images: Sequence[Sequence[Any]] = (),
    calls: Sequence[Mapping[str, str]] = (),
    call_id: str = "",
) -> ChatMessage:
    shown = tuple(Image(kind, b"", width, height, key) for kind, width, height, key in images)
    return ChatMessage(role, content, shown, calls_read(calls), call_id)
