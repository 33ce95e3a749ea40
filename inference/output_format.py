"""What an answer may look like: its form, and the tools that it may call instead of speaking.

JSON schemas are kept as text: the order of their keys is the order in which a model fills them,
and neither a database nor a hash may change it. All that is here came from outside.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

FormatKind = Literal["json_schema", "json_object", "regex", "choice", "grammar"]
FORMAT_KINDS: tuple[FormatKind, ...] = get_args(FormatKind)
TOOL_CHOICES = ("none", "auto", "required")

# What a grammar is made of is bounded, for it is compiled while others wait.
MOST_SCHEMA_CHARACTERS = 65_536
MOST_SCHEMA_DEPTH = 32
# Of one object. Where all may be left out, a thousand take the compiler seconds and two thousand a
# minute.
MOST_PROPERTIES = 500
MOST_PATTERN_CHARACTERS = 4_096
MOST_GRAMMAR_CHARACTERS = 16_384
MOST_CHOICES = 1_000
# Of a {n,m} in a pattern, and of a schema's minItems, maxLength, …; and of all together. A thousand
# characters of any kind take the compiler seconds.
MOST_REPEATS = 1_000
MOST_DIGITS = 9  # of how often something is repeated
MOST_REPEATS_TOGETHER = 2_000
MOST_TOOLS = 128

NO_PARAMETERS = '{"type": "object", "properties": {}}'

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_REPEATED = re.compile(r"\{\s*(\d*)\s*,?\s*(\d*)\s*\}")
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")


class InvalidSampling(ValueError):
    """A value that no engine can use. `field` names it; `str()` says what it may be."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """`text` is the JSON schema, the regular expression, or the grammar (EBNF or Lark).

    `choices` are those of the kind "choice", `json_object` has neither. `name`, `description` and
    `strict` are what a caller says beside a JSON schema, for a remote endpoint: the engines here
    hold an answer to its schema in any case. Raises InvalidSampling.
    """

    kind: FormatKind
    text: str = ""
    choices: tuple[str, ...] = ()
    name: str = ""
    description: str = ""
    strict: bool = False

    def __post_init__(self) -> None:
        _refuse_nul("format", self.name + self.description)
        if self.kind == "json_schema":
            check_schema("format", self.text)
        elif self.kind == "choice":
            _check_choices(self.choices)
        elif self.kind == "regex":
            _check_text(self.text, MOST_PATTERN_CHARACTERS)
            _check_repeats("format", _repeats(self.text))
        elif self.kind == "grammar":
            _check_text(self.text, MOST_GRAMMAR_CHARACTERS)
            _check_repeats("format", _repeats(self.text))


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the caller can carry out. `parameters` is a JSON schema of an object.

    `strict`: the caller wants a remote endpoint to hold the arguments to it. Raises
    InvalidSampling.
    """

    name: str
    description: str = ""
    parameters: str = NO_PARAMETERS
    strict: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name in TOOL_CHOICES:
            raise InvalidSampling(
                "tools",
                "A tool's name has 1 to 64 letters, digits, _ and -, and is none of "
                f"{', '.join(TOOL_CHOICES)}.",
            )
        _refuse_nul("tools", self.description)
        if check_schema("tools", self.parameters).get("type", "object") != "object":
            raise InvalidSampling(
                "tools", f"The parameters of the tool {self.name} must be a schema of an object."
            )


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` is JSON as the model wrote it: data, to be checked before anything is done."""

    id: str
    name: str
    arguments: str


def check_tools(tools: tuple[Tool, ...], choice: str) -> None:
    """Raises InvalidSampling."""
    names = [tool.name for tool in tools]
    if len(names) > MOST_TOOLS:
        raise InvalidSampling("tools", f"There may be at most {MOST_TOOLS} tools.")
    if len(names) > 1:  # they are one grammar
        check_schema("tools", f'{{"anyOf": [{",".join(tool.parameters for tool in tools)}]}}')
    if len(set(names)) < len(names):
        raise InvalidSampling("tools", "Two tools have the same name: give each its own.")
    if choice not in (*TOOL_CHOICES, *names):
        raise InvalidSampling("tool_choice", "tool_choice names a tool that is not among tools.")
    if choice == "required" and not names:
        raise InvalidSampling("tool_choice", "tool_choice requires a call and there are no tools.")


def check_schema(field: str, text: str) -> Mapping[str, Any]:
    """The schema read. Raises InvalidSampling for what is none, or is too large or too deep."""
    if len(text) > MOST_SCHEMA_CHARACTERS:
        raise InvalidSampling(
            field, f"A JSON schema may have at most {MOST_SCHEMA_CHARACTERS:,} characters."
        )
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidSampling(field, "The JSON schema is not JSON.") from None
    if not isinstance(schema, dict):
        raise InvalidSampling(field, "The JSON schema must be an object.")
    counts: set[int] = set()  # the same one twice is compiled once
    patterns = ""
    for node, depth in _nodes(schema):
        if depth > MOST_SCHEMA_DEPTH and isinstance(node, dict | list):
            raise InvalidSampling(
                field, f"A JSON schema may be nested at most {MOST_SCHEMA_DEPTH} levels deep."
            )
        _check_node(field, node)
        if isinstance(node, dict):
            counts |= {_count(node.get(name)) for name in _COUNTS}
            patterns += "".join(_patterns(node))
    if len(patterns) > MOST_PATTERN_CHARACTERS:
        raise InvalidSampling(
            field,
            f"A schema's patterns may have {MOST_PATTERN_CHARACTERS:,} characters together.",
        )
    _check_repeats(field, [*counts, *_repeats(patterns)])
    return schema


def _patterns(node: dict[str, Any]) -> Iterator[str]:
    if isinstance(node.get("pattern"), str):
        yield node["pattern"]
    if isinstance(node.get("patternProperties"), dict):
        yield from node["patternProperties"]


def _count(value: Any) -> int:
    """What is no number is no count; the compiler will say so."""
    if isinstance(value, float):
        return math.ceil(value) if math.isfinite(value) else MOST_REPEATS + 1
    return value if isinstance(value, int) else 0


def _repeats(pattern: str) -> list[int]:
    """How often it repeats something, for each {n,m}."""
    found = [[_number(one) for one in pair if one] for pair in _REPEATED.findall(pattern)]
    return [max(counts) for counts in found if counts]


def _number(digits: str) -> int:
    """int() raises for thousands of digits; one of so many is too large anyway."""
    return int(digits) if len(digits) <= MOST_DIGITS else MOST_REPEATS + 1


def _check_repeats(field: str, counts: Sequence[int]) -> None:
    if any(count > MOST_REPEATS for count in counts) or sum(counts) > MOST_REPEATS_TOGETHER:
        raise InvalidSampling(
            field,
            f"Something may be repeated, or be long, at most {MOST_REPEATS:,} times "
            f"({{n,m}}, maxLength, maxItems, …), and all together {MOST_REPEATS_TOGETHER:,} times.",
        )


def _nodes(root: Any) -> Iterator[tuple[Any, int]]:
    """Everything in a JSON value, with how deep it is, the keys of objects too."""
    open_nodes = [(root, 1)]
    while open_nodes:
        node, depth = open_nodes.pop()
        yield node, depth
        if depth > MOST_SCHEMA_DEPTH:
            continue
        if isinstance(node, dict):
            open_nodes += [(key, depth) for key in node]
            open_nodes += [(value, depth + 1) for value in node.values()]
        elif isinstance(node, list):
            open_nodes += [(value, depth + 1) for value in node]


def _check_node(field: str, node: Any) -> None:
    if isinstance(node, dict):
        properties = node.get("properties")
        if isinstance(properties, dict) and len(properties) > MOST_PROPERTIES:
            raise InvalidSampling(
                field, f"An object of a JSON schema may have at most {MOST_PROPERTIES} properties."
            )
    elif isinstance(node, str):
        _refuse_nul(field, node)
    elif isinstance(node, float) and not math.isfinite(node):
        raise InvalidSampling(field, "A JSON schema has only finite numbers.")


def _check_choices(choices: tuple[str, ...]) -> None:
    if not 1 <= len(choices) <= MOST_CHOICES or not all(choices):
        raise InvalidSampling(
            "format", f"There must be 1 to {MOST_CHOICES:,} choices, and none may be empty."
        )
    _check_text("".join(choices), MOST_GRAMMAR_CHARACTERS)


def _check_text(text: str, most: int) -> None:
    if not text.strip():
        raise InvalidSampling("format", "A pattern or a grammar can't be empty.")
    if len(text) > most:
        raise InvalidSampling(
            "format", f"What the answer must look like is said in at most {most:,} characters."
        )
    _refuse_nul("format", text)


def _refuse_nul(field: str, text: str) -> None:
    if "\0" in text:
        raise InvalidSampling(field, "A NUL character can't be part of it.")
