"""Tool calls in the model's own form: its chat template shows it the tools, and vLLM's parser of
its name reads what it makes of them.

Text is shown while it comes, as far as the parser takes it for text. What was called is read from
the whole answer at its end: of the two ways of a parser the one that keeps no state.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import structlog

from inference.api import ChatMessage, Tool
from inference.errors import EngineError, ProfileRefused
from inference.tool_calls import Read, new_call

_log = structlog.get_logger()


def parser_named(name: str) -> Any:
    """vLLM's class. Raises ProfileRefused."""
    from vllm.tool_parsers import ToolParserManager

    try:
        return ToolParserManager.get_tool_parser(name)
    except KeyError as error:
        known = ", ".join(ToolParserManager.list_registered())
        raise ProfileRefused(
            f"This vLLM has no tool parser {name!r}: choose one of {known}."
        ) from error


def template_tools(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """As chat templates know tools."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": json.loads(tool.parameters),
            },
        }
        for tool in tools
    ]


def template_calls(message: ChatMessage) -> dict[str, Any]:
    """What a template reads of a message beside its role and its content."""
    more: dict[str, Any] = {}
    if message.tool_call_id:
        more["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        more["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": _arguments(call.arguments)},
            }
            for call in message.tool_calls
        ]
    return more


def _arguments(text: str) -> Any:
    """Templates want them read; what is no JSON stays as it is."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


class ParserReader:
    """Reads one answer by vLLM's parser. `parser_class` is of `parser_named`. `single`: whoever
    asks wants one call at most."""

    def __init__(
        self, parser_class: Any, tokenizer: Any, tools: Sequence[Tool], *, single: bool = False
    ) -> None:
        from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest

        asked = ChatCompletionRequest(
            messages=[{"role": "user", "content": ""}],
            tools=template_tools(tools),
            tool_choice="auto",
        )
        self._streaming = parser_class(tokenizer, asked.tools)
        self._whole = parser_class(tokenizer, asked.tools)
        self._request = self._streaming.adjust_request(asked)
        self._single = single
        self._text = ""
        self._token_ids: list[int] = []
        self._shown = ""

    @property
    def skip_special_tokens(self) -> bool:
        """Whether the parser wants the text without them."""
        return bool(self._request.skip_special_tokens)

    def read(self, text: str, token_ids: Sequence[int] = ()) -> Read:
        before, ids = self._text, self._token_ids
        self._text, self._token_ids = before + text, [*ids, *token_ids]
        try:
            found = self._streaming.extract_tool_calls_streaming(
                before, self._text, text, ids, self._token_ids, token_ids, self._request
            )
        except Exception as error:  # whatever a parser raises of what a model wrote
            _log.warning("tool_parser_failed", error=type(error).__name__)
            return Read()
        shown = (found.content if found is not None else None) or ""
        self._shown += shown
        return Read(shown)

    def end(self) -> Read:
        """Raises EngineError where the parser fails of the whole answer."""
        try:
            found = self._whole.extract_tool_calls(self._text, self._request)
        except Exception as error:
            raise EngineError("The model's tool call can't be read: try again.") from error
        calls = tuple(
            new_call(call.function.name, call.function.arguments)
            for call in found.tool_calls[: 1 if self._single else None]
        )
        text = (found.content or "") if found.tools_called else self._text
        if calls and not text.strip():
            text = ""
        return Read(text.removeprefix(self._shown) if text.startswith(self._shown) else "", calls)
