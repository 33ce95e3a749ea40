"""How a model is told of its tools, of its calls and their results, in plain text: for chat
templates that know no tools, or that ask for calls in another form than they are read in.

Two forms: `MARKED` is ours, which a grammar holds (`tool_calls.py`). `PYTHONIC` is Llama 4's, a
list of calls as Python writes them, which vLLM's parser `llama4_pythonic` reads.
"""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from inference.api import ChatMessage, Role, Tool, ToolCall
from inference.tool_calls import BEGIN, END

# What the parser takes for a name; others it takes for text.
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class ToolPrompt:
    """`said` has a place for the tools; `calls` writes an assistant's calls.

    `result_role`: as whom results are told.
    """

    said: str
    calls: Callable[[Sequence[ToolCall]], str]
    result_role: Role


def _marked(calls: Sequence[ToolCall]) -> str:
    return "\n".join(
        f'{BEGIN}{{"name": {json.dumps(one.name)}, "arguments": {one.arguments}}}{END}'
        for one in calls
    )


def _pythonic(calls: Sequence[ToolCall]) -> str:
    return f"[{', '.join(map(_python_call, calls))}]"


def _python_call(call: ToolCall) -> str:
    try:
        given = json.loads(call.arguments)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        return f"{call.name}({call.arguments})"
    return f"{call.name}({', '.join(f'{name}={value!r}' for name, value in given.items())})"


MARKED = ToolPrompt(
    "You can call these functions:\n{tools}\n"
    f'To call one, write {BEGIN}{{{{"name": <its name>, "arguments": <a JSON object>}}}}{END} '
    "and nothing after it. You are then told the result.",
    _marked,
    "user",
)
PYTHONIC = ToolPrompt(
    "You can call these functions:\n{tools}\n"
    "Where they help, write nothing but a list of calls as Python has them: "
    "[first(name=value, other=value), second(name=value)]. Each value is a literal, and each name "
    "one that is listed here. You are then told the results. Where none of them helps, answer in "
    "words and call nothing.",
    _pythonic,
    "tool",
)


def speakable(tool: Tool) -> bool:
    """Whether its name, and those of its parameters, can stand in a call of `PYTHONIC`."""
    parameters = json.loads(tool.parameters)
    named = parameters.get("properties") if isinstance(parameters, dict) else None
    names = [tool.name, *(named if isinstance(named, dict) else ())]
    return all(_NAME.fullmatch(one) and not keyword.iskeyword(one) for one in names)


def told(
    messages: Sequence[ChatMessage], tools: Sequence[Tool], form: ToolPrompt = MARKED
) -> list[ChatMessage]:
    """The messages for a template that is told nothing of tools."""
    names = {call.id: call.name for one in messages for call in one.tool_calls}
    plain = _joined([_told(one, names, form) for one in messages])
    if not tools:
        return plain
    listed = "\n".join(json.dumps(_shown(tool), ensure_ascii=False) for tool in tools)
    said = form.said.format(tools=listed)
    if plain and plain[0].role == "system":
        first = replace(plain[0], content=f"{plain[0].content}\n\n{said}")
        return [first, *plain[1:]]
    return [ChatMessage("system", said), *plain]


def _shown(tool: Tool) -> dict[str, Any]:
    parameters = json.loads(tool.parameters)
    return {"name": tool.name, "description": tool.description, "parameters": parameters}


def _told(message: ChatMessage, names: Mapping[str, str], form: ToolPrompt) -> ChatMessage:
    if message.role == "tool":
        of = names.get(message.tool_call_id, "the function")
        return ChatMessage(form.result_role, f"Result of {of}:\n{message.content}")
    if message.tool_calls:
        content = "\n".join(filter(None, (message.content, form.calls(message.tool_calls))))
        return replace(message, content=content, tool_calls=())
    return message


def _joined(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Results of several calls become one message: templates want the roles to alternate."""
    joined: list[ChatMessage] = []
    for one in messages:
        if joined and joined[-1].role == one.role:
            content = "\n\n".join(filter(None, (joined[-1].content, one.content)))
            joined[-1] = replace(one, content=content, images=(*joined[-1].images, *one.images))
        else:
            joined.append(one)
    return joined
