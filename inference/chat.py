"""Rendering a chat with the model's own template."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from jinja2.exceptions import TemplateError

from inference.api import ChatMessage, Tool
from inference.errors import PromptRefused
from inference.tool_prompt import MARKED, ToolPrompt, told
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
    form: ToolPrompt | None = MARKED,
) -> tuple[int, ...]:
    """The prompt's token ids by the chat template of a transformers tokenizer.

    `form`: how tools, calls and results are told; None where the template itself knows them. Where
    a template knows no system messages, theirs is said at the beginning of the first question. A
    raw prompt's ids are the tokenizer's alone.

    Raises PromptRefused where the template can't take these messages.
    """
    if is_raw(messages):
        return tuple(tokenizer.encode(messages[0].content))
    special = tokenizer.all_special_tokens + [
        str(token) for token in tokenizer.added_tokens_decoder.values() if token.special
    ]
    shown: dict[str, Any] = {}
    if form is None:
        said = [_message(one, special) | _plain(template_calls(one), special) for one in messages]
        if tools:
            shown["tools"] = _plain(template_tools(tools), special)
    else:
        said = [_message(one, special) for one in told(messages, tools, form)]
    try:
        return _rendered(tokenizer, said, shown)
    except PromptRefused:
        if said[0]["role"] != "system":
            raise
        return _rendered(tokenizer, _without_system(said), shown)


def _rendered(
    tokenizer: Any, said: Sequence[dict[str, Any]], shown: dict[str, Any]
) -> tuple[int, ...]:
    try:
        ids = tokenizer.apply_chat_template(
            said, add_generation_prompt=True, tokenize=True, return_dict=False, **shown
        )
    except (TemplateError, TypeError) as error:  # as its template goes wrong of it
        raise PromptRefused(str(error)) from error
    return tuple(ids)


def _without_system(said: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the system message says stands before the first question."""
    system, *rest = said
    if not rest or rest[0]["role"] != "user":
        return [{"role": "user", "content": system["content"]}, *rest]
    first, content = rest[0], rest[0]["content"]
    if isinstance(content, str):
        content = "\n\n".join(filter(None, (system["content"], content)))
    else:
        content = [{"type": "text", "text": system["content"]}, *content]
    return [{**first, "content": content}, *rest[1:]]


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
