"""Tool calls of models that have no form of their own for them.

A call is a JSON object between two marks (`tool_prompt.py` tells the model so), and a grammar sees
to it that whatever begins as a call is one: of a tool that is there, with arguments that follow its
schema. Pure text; the grammar is a structural tag as xgrammar reads it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import uuid4

from inference.api import OutputFormat, Sampling, Tool, ToolCall

BEGIN, END = "<tool_call>", "</tool_call>"
BLANKS = 1  # of whitespace in a row inside a call: else a small model writes nothing else


@dataclass(frozen=True, slots=True)
class Read:
    """What a piece of an answer comes to: text to be shown, and calls that are complete."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()


class Reader(Protocol):
    """Takes one answer apart while it comes."""

    def read(self, text: str, token_ids: Sequence[int] = ()) -> Read: ...

    def end(self) -> Read:
        """What was held back until now."""
        ...


def new_call(name: str, arguments: str) -> ToolCall:
    return ToolCall(f"call_{uuid4().hex[:24]}", name, arguments)


# --- the grammar ---


def structural_tag(sampling: Sampling) -> str:
    """JSON of the form that the whole answer must have. Only where tools are offered."""
    return json.dumps({"type": "structural_tag", "format": _form(sampling)})


def _form(sampling: Sampling) -> dict[str, Any]:
    single = not sampling.parallel_tool_calls or sampling.tool_choice not in ("auto", "required")
    tags = [_tag(tool) for tool in sampling.offered]
    calls = {
        "type": "tags_with_separator",
        "tags": tags,
        "separator": "\n",
        "at_least_one": True,
        "stop_after_first": single,
    }
    if sampling.must_call:
        return calls
    if sampling.format is not None:
        return {"type": "or", "elements": [calls, _element(sampling.format)]}
    return {
        "type": "triggered_tags",
        "triggers": [BEGIN],
        "tags": tags,
        "at_least_one": False,
        "stop_after_first": single,
    }


def _tag(tool: Tool) -> dict[str, Any]:
    return {
        "type": "tag",
        "begin": f'{BEGIN}{{"name": "{tool.name}", "arguments": ',
        "content": _schema(tool.parameters),
        "end": f"}}{END}",
    }


def _schema(text: str) -> dict[str, Any]:
    return {
        "type": "json_schema",
        "json_schema": json.loads(text),
        "max_whitespace_cnt": BLANKS,
    }


def _element(wanted: OutputFormat) -> dict[str, Any]:
    if wanted.kind == "regex":
        return {"type": "regex", "pattern": wanted.text}
    if wanted.kind == "grammar":
        return {"type": "grammar", "grammar": wanted.text}
    if wanted.kind == "choice":
        said = [{"type": "const_string", "value": choice} for choice in wanted.choices]
        return {"type": "or", "elements": said}
    return _schema(wanted.text or '{"type": "object"}')


# --- the way back ---


@dataclass(slots=True)
class CallReader:
    """Finds the calls of an answer that was held to `structural_tag`.

    `or_form`: it is wholly calls, or wholly of a form, which may have the marks in its strings.
    """

    or_form: bool = False
    _held: str = field(default="", init=False)
    _looked: int = field(default=0, init=False)  # so far into the call no mark ends it
    _called: bool = field(default=False, init=False)
    _form: bool | None = field(default=None, init=False)  # not known before its beginning

    def read(self, text: str, token_ids: Sequence[int] = ()) -> Read:
        self._held += text
        if self.or_form and self._is_form():
            return Read(self._spoken(len(self._held)))
        shown = ""
        calls: list[ToolCall] = []
        while (begin := self._held.find(BEGIN)) >= 0:
            shown += self._spoken(begin)
            end = self._end()
            if end is None:
                return Read(shown, tuple(calls))
            calls.append(_call(self._held[len(BEGIN) : end]))
            self._called = True
            self._held = self._held[end + len(END) :]
        shown += self._spoken(len(self._held) - _beginning(self._held))
        return Read(shown, tuple(calls))

    def end(self) -> Read:
        """A call that was cut off is none, and no text either."""
        cut = self._held.startswith(BEGIN)
        return Read("" if cut else self._spoken(len(self._held)))

    def _is_form(self) -> bool:
        """As its beginning says, which is held back until it does."""
        if self._form is None and not BEGIN.startswith(self._held):
            self._form = not self._held.startswith(BEGIN)
        return bool(self._form)

    def _end(self) -> int | None:
        """Where the call that begins here ends: at a mark that is not inside one of its strings.

        Each mark is looked at once: a string full of them would hold up all other answers.
        """
        call = self._held
        end = call.find(END, self._looked)
        while end >= 0:
            if _is_json(call[len(BEGIN) : end]):
                self._looked = 0
                return end
            end = call.find(END, end + 1)
        self._looked = max(len(call) - len(END) + 1, 0)
        return None

    def _spoken(self, characters: int) -> str:
        """So much of what is held, which is let go. Blanks between calls say nothing."""
        text, self._held = self._held[:characters], self._held[characters:]
        return "" if self._called and not text.strip() else text


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _call(written: str) -> ToolCall:
    """The arguments stay as the model wrote them."""
    given = json.loads(written)
    key = '"arguments":'
    at = written.find(key)
    arguments = written[at + len(key) :].strip().removesuffix("}").strip() if at >= 0 else "{}"
    return new_call(str(given.get("name", "")), arguments)


def _beginning(text: str) -> int:
    """How many of its last characters may begin a call."""
    sizes = range(min(len(BEGIN) - 1, len(text)), 0, -1)
    return next((size for size in sizes if text.endswith(BEGIN[:size])), 0)
