"""Rendering a chat with the model's own template."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from inference.api import ChatMessage


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


def render_token_ids(tokenizer: Any, messages: Sequence[ChatMessage]) -> tuple[int, ...]:
    """The prompt's token ids by the chat template of a transformers tokenizer; of a raw prompt by
    the tokenizer alone."""
    if is_raw(messages):
        return tuple(tokenizer.encode(messages[0].content))
    special = tokenizer.all_special_tokens + [
        str(token) for token in tokenizer.added_tokens_decoder.values() if token.special
    ]
    conversation = [
        {"role": message.role, "content": _content(message, special)} for message in messages
    ]
    return tuple(
        tokenizer.apply_chat_template(
            conversation, add_generation_prompt=True, tokenize=True, return_dict=False
        )
    )


def _content(message: ChatMessage, special: Sequence[str]) -> str | list[dict[str, str]]:
    """A text, or its parts where images come before it; the template marks their places."""
    said = plain(message.content, special)
    if not message.images:
        return said
    places = [{"type": "image"} for _ in message.images]
    return [*places, {"type": "text", "text": said}]
