"""Requests and streamed answers in OpenAI's form; what vLLM's servers know beyond it, in theirs."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from inference.api import (
    ChatMessage,
    Delta,
    FinishReason,
    OutputFormat,
    Sampling,
    TokenLogprob,
    Tool,
    ToolCall,
)
from inference.chat import is_raw
from inference.tool_calls import new_call

_REASONS: Mapping[str, FinishReason] = {
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}
_BROKEN_OFF = ("abort", "error")  # as vLLM's servers say: no ending of an answer
_CHARACTERS_A_TOKEN = 4  # in Latin scripts about that


def about_tokens(text: str) -> int:
    """An estimate: only the remote end can count."""
    return len(text) // _CHARACTERS_A_TOKEN


def request_body(
    model: str, messages: Sequence[ChatMessage], sampling: Sampling, begun: str = ""
) -> dict[str, Any]:
    """Only what was chosen: an endpoint may know no more than the first few fields.

    `begun`: the answer's text so far, which only a server like vLLM's goes on from.
    """
    longest = sampling.max_tokens
    chosen = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": longest and max(longest - about_tokens(begun), 1),
        "seed": sampling.seed,
        "stop": list(sampling.stop) or None,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
        "repetition_penalty": sampling.repetition_penalty,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
    }
    return {
        "model": model,
        **_asked(messages, begun),
        "stream": True,
        "stream_options": {"include_usage": True},
        **{name: value for name, value in chosen.items() if value is not None},
        **_logprobs_asked(sampling),
        **_format(sampling.format),
        **_tools(sampling),
    }


def _asked(messages: Sequence[ChatMessage], begun: str) -> dict[str, Any]:
    if is_raw(messages):
        return {"prompt": messages[0].content + begun}
    sent = [_message(each) for each in messages]
    if not begun:
        return {"messages": sent}
    return {
        "messages": [*sent, {"role": "assistant", "content": begun}],
        "continue_final_message": True,
        "add_generation_prompt": False,
    }


def _message(message: ChatMessage) -> dict[str, Any]:
    sent: dict[str, Any] = {"role": message.role, "content": _content(message)}
    if message.tool_call_id:
        sent["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        sent["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    return sent


def _content(message: ChatMessage) -> str | list[dict[str, Any]]:
    """A text, or the images and the text as parts."""
    if not message.images:
        return message.content
    parts: list[dict[str, Any]] = []
    for image in message.images:
        url = f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"
        parts.append({"type": "image_url", "image_url": {"url": url}})
    return [*parts, {"type": "text", "text": message.content}] if message.content else parts


def _logprobs_asked(sampling: Sampling) -> dict[str, Any]:
    if sampling.logprobs is None:
        return {}
    return {"logprobs": True, "top_logprobs": sampling.logprobs}


def _format(wanted: OutputFormat | None) -> dict[str, Any]:
    if wanted is None:
        return {}
    if wanted.kind == "json_object":
        return {"response_format": {"type": "json_object"}}
    if wanted.kind == "json_schema":
        schema: dict[str, Any] = {
            "name": wanted.name or "answer",
            **({"description": wanted.description} if wanted.description else {}),
            **({"strict": True} if wanted.strict else {}),
            "schema": json.loads(wanted.text),
        }
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    constraint = list(wanted.choices) if wanted.kind == "choice" else wanted.text
    return {"structured_outputs": {wanted.kind: constraint}}


def _tools(sampling: Sampling) -> dict[str, Any]:
    if not sampling.tools:
        return {}
    choice: Any = sampling.tool_choice
    if choice not in ("none", "auto", "required"):
        choice = {"type": "function", "function": {"name": choice}}
    more = {} if sampling.parallel_tool_calls else {"parallel_tool_calls": False}
    return {"tools": [_tool(one) for one in sampling.tools], "tool_choice": choice, **more}


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {
        "name": tool.name,
        **({"description": tool.description} if tool.description else {}),
        **({"strict": True} if tool.strict else {}),
        "parameters": json.loads(tool.parameters),
    }
    return {"type": "function", "function": function}


@dataclass(slots=True)
class ChunkReader:
    """Reads the chunks of one answer. Whatever an endpoint leaves out is empty here."""

    reason: FinishReason | None = field(default=None, init=False)
    stop_reason: str | int | None = field(default=None, init=False)
    usage: dict[str, Any] = field(default_factory=dict, init=False)
    # By their index, and which of that index: id, name, and the arguments so far.
    _calls: dict[tuple[int, int], tuple[str, str, str]] = field(default_factory=dict, init=False)
    _of_index: dict[int, int] = field(default_factory=dict, init=False)

    def read(self, chunk: dict[str, Any]) -> Delta | None:
        """The text in a chunk, if there is any. That the model declines is a text as well."""
        self.usage = chunk.get("usage") or self.usage
        text = ""
        logprobs: tuple[TokenLogprob, ...] = ()
        for choice in chunk.get("choices") or []:
            said = choice.get("delta") or {}
            # A raw prompt's answer has its text in the choice itself.
            text += said.get("content") or choice.get("text") or ""
            text += said.get("refusal") or ""
            logprobs += _logprobs(choice.get("logprobs") or {})
            for piece in said.get("tool_calls") or []:
                self._take(piece)
            ending = choice.get("finish_reason")
            if ending and ending not in _BROKEN_OFF:
                self.reason = _REASONS.get(ending, "stop")
                self.stop_reason = choice.get("stop_reason")
        return Delta(text, logprobs=logprobs) if text or logprobs else None

    def _take(self, piece: dict[str, Any]) -> None:
        """A call comes in pieces: its id and its name once, its arguments bit by bit.

        Some endpoints send several under one index, or under none: another id is another call.
        """
        index, function = piece.get("index") or 0, piece.get("function") or {}
        said_id, place = piece.get("id") or "", (index, self._of_index.get(index, 0))
        if said_id and self._calls.get(place, ("", "", ""))[0] not in ("", said_id):
            place = (index, place[1] + 1)
            self._of_index[index] = place[1]
        known_id, name, arguments = self._calls.get(place, ("", "", ""))
        self._calls[place] = (
            known_id or said_id,
            name or function.get("name") or "",
            arguments + (function.get("arguments") or ""),
        )

    def calls(self) -> tuple[ToolCall, ...]:
        """The calls, once the answer is over."""
        in_order = (self._calls[place] for place in sorted(self._calls))
        return tuple(
            ToolCall(call_id or new_call(name, "").id, name, arguments or "{}")
            for call_id, name, arguments in in_order
        )


def _logprobs(given: dict[str, Any]) -> tuple[TokenLogprob, ...]:
    return tuple(
        TokenLogprob(
            str(one.get("token") or ""),
            float(one.get("logprob") or 0.0),
            tuple(
                (str(other.get("token") or ""), float(other.get("logprob") or 0.0))
                for other in one.get("top_logprobs") or []
            ),
        )
        for one in given.get("content") or []
    )
