"""Rendering a chat with the model's own template."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from inference.api import ChatMessage, Tool
from inference.tool_calls import told
from inference.vllm_engine.tools import template_calls, template_tools


def plain(content: str, special_tokens: Iterable[str]) -> str:
    """`content` with the model's control tokens broken up, so that no text can pose as a role.

    "<|im_end|>" becomes "< |im_end|>", which a tokenizer reads as ordinary characters.
    """
    for token in special_tokens:
        if len(token) > 1:
            content = content.replace(token, f"{token[0]} {token[1:]}")
    return content


def is_raw(messages: Sequence[ChatMessage]) -> bool:
    return len(messages) == 1 and messages[0].role == "raw"


def render_token_ids(
    tokenizer: Any,
    messages: Sequence[ChatMessage],
    tools: Sequence[Tool] = (),
    *,
    native_tools: bool = False,
) -> tuple[int, ...]:
    """The prompt's token ids by the chat template of a transformers tokenizer.

    `native_tools`: the template itself knows tools, calls and results. A raw prompt's are the
    tokenizer's alone.
    """
    if is_raw(messages):
        return tuple(tokenizer.encode(messages[0].content))
    special = tokenizer.all_special_tokens + [
        str(token) for token in tokenizer.added_tokens_decoder.values() if token.special
    ]
    shown: dict[str, Any] = {}
    if native_tools:
        said = [_message(one, special) | _plain(template_calls(one), special) for one in messages]
        if tools:
            shown["tools"] = _plain(template_tools(tools), special)
    else:
        said = [_message(one, special) for one in told(messages, tools)]
    return tuple(
        tokenizer.apply_chat_template(
            said, add_generation_prompt=True, tokenize=True, return_dict=False, **shown
        )
    )


def _plain(value: Any, special: Sequence[str]) -> Any:
    """The same of all texts in a JSON value, the names of its fields too."""
    if isinstance(value, str):
        return plain(value, special)
    if isinstance(value, dict):
        return {plain(key, special): _plain(one, special) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one, special) for one in value]
    return value


def _message(message: ChatMessage, special: Sequence[str]) -> dict[str, Any]:
    return {"role": message.role, "content": _content(message, special)}


def _content(message: ChatMessage, special: Sequence[str]) -> str | list[dict[str, str]]:
    """A text, or its parts where images come before it; the template marks their places."""
    said = plain(message.content, special)
    if not message.images:
        return said
    places = [{"type": "image"} for _ in message.images]
    return [*places, {"type": "text", "text": said}]
