"""What a request may say of its answer's form, in OpenAI's fields and in those that vLLM adds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bots.api.refusing import refusing
from bots.api.text import Text
from bots.api.whole import Whole
from bots.http.failures import Refused
from inference.api import (
    NO_PARAMETERS,
    EngineInfo,
    InvalidSampling,
    OutputFormat,
    Sampling,
    Tool,
    ToolCall,
)


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class CalledFunction(_Strict):
    name: Annotated[Text, Field(min_length=1, max_length=64)]
    arguments: Annotated[Text, Field(description="JSON, as the model wrote it.")]


class Call(_Strict):
    id: Annotated[Text, Field(min_length=1, max_length=256)]
    type: Literal["function"]
    function: CalledFunction

    def plain(self) -> ToolCall:
        return ToolCall(self.id, self.function.name, self.function.arguments)


class Function(_Strict):
    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: str | None = None
    parameters: dict[str, Any] | None = Field(None, description="A JSON schema of an object.")
    strict: bool | None = None


class FunctionTool(_Strict):
    type: Literal["function"]
    function: Function

    def plain(self) -> Tool:
        """Raises InvalidSampling."""
        one = self.function
        parameters = NO_PARAMETERS if not one.parameters else _text(one.parameters)
        return Tool(one.name, one.description or "", parameters, one.strict is True)


class FunctionName(_Strict):
    name: str


class NamedTool(_Strict):
    type: Literal["function"]
    function: FunctionName


class JsonSchema(_Strict):
    name: str = Field(max_length=64)
    description: str | None = None
    definition: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None


class ResponseFormat(_Strict):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    def plain(self) -> OutputFormat | None:
        """Raises InvalidSampling."""
        if self.type == "text":
            return None
        if self.type == "json_object":
            return OutputFormat("json_object")
        if self.json_schema is None:
            raise InvalidSampling("format", "The type json_schema needs the field json_schema.")
        said = self.json_schema
        return OutputFormat(
            "json_schema",
            _text(said.definition),
            name=said.name,
            description=said.description or "",
            strict=said.strict is True,
        )


class StructuredOutputs(_Strict):
    """vLLM's own field: one of these."""

    json_: dict[str, Any] | None = Field(None, alias="json", description="A JSON schema.")
    json_object: Literal[True] | None = None
    regex: str | None = None
    choice: list[str] | None = None
    grammar: str | None = Field(None, description="EBNF, or Lark.")

    def plain(self) -> OutputFormat:
        """Raises InvalidSampling."""
        made = [
            *([] if self.json_ is None else [("json_schema", _text(self.json_))]),
            *([] if self.json_object is None else [("json_object", "")]),
            *([] if self.regex is None else [("regex", self.regex)]),
            *([] if self.choice is None else [("choice", "")]),
            *([] if self.grammar is None else [("grammar", self.grammar)]),
        ]
        if len(made) != 1:
            raise InvalidSampling(
                "format", "Say one of json, json_object, regex, choice and grammar."
            )
        kind, text = made[0]
        strict = kind == "json_schema"  # this field holds an answer to its schema
        return OutputFormat(kind, text, tuple(self.choice or ()), strict=strict)  # type: ignore[arg-type]


class FormFields(_Strict):
    """A part of the fields of a chat's request, and of a text's."""

    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    repetition_penalty: float | None = Field(None, ge=0.01, le=10)
    top_k: Annotated[int, Field(ge=-1, le=2**31 - 1), Whole] | None = None
    min_p: float | None = Field(None, ge=0, le=1)
    response_format: ResponseFormat | None = None
    structured_outputs: StructuredOutputs | None = None
    logit_bias: Annotated[
        Annotated[dict[str, float], Field(max_length=0)] | None,
        refusing("Tokens can't be favoured or barred one by one: leave it out", {}),
    ] = None

    def with_output(self, **chosen: Any) -> Sampling:
        """Sampling of these fields and the chosen ones. Raises Refused (400), naming the field."""
        if self.response_format and self.structured_outputs:
            raise _refused("structured_outputs", "Say response_format or this, not both.")
        try:
            return Sampling(**chosen, **self._output())
        except InvalidSampling as error:
            raise _refused(self._named(error.field), str(error)) from error

    def _output(self) -> dict[str, Any]:
        wanted = self.response_format or self.structured_outputs
        return {
            "frequency_penalty": self.frequency_penalty,
            "presence_penalty": self.presence_penalty,
            "repetition_penalty": self.repetition_penalty,
            "top_k": self.top_k,
            "min_p": self.min_p,
            "format": wanted and wanted.plain(),
        }

    def _named(self, field: str) -> str:
        if field == "format":
            return "structured_outputs" if self.structured_outputs else "response_format"
        return "top_logprobs" if field == "logprobs" else field


class OutputFields(FormFields):
    """A part of a chat's fields."""

    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20), Whole] | None = None
    tools: list[FunctionTool] | None = Field(None, max_length=128)
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    functions: Annotated[
        Annotated[list[Any], Field(max_length=0)] | None,
        refusing("This older form is not taken: send them as tools", []),
    ] = None
    function_call: Annotated[
        Literal["none"] | None,
        refusing("This older form is not taken: send it as tool_choice", "none"),
    ] = None
    modalities: Annotated[
        Annotated[list[Literal["text"]], Field(min_length=1, max_length=1)] | None,
        refusing("Answers are text: leave it out", ["text"]),
    ] = None

    def with_output(self, **chosen: Any) -> Sampling:
        if self.top_logprobs is not None and not self.logprobs:
            raise _refused("top_logprobs", "top_logprobs needs logprobs to be true.")
        return super().with_output(**chosen)

    def _output(self) -> dict[str, Any]:
        choice = self.tool_choice or "auto"
        return super()._output() | {
            "logprobs": (self.top_logprobs or 0) if self.logprobs else None,
            "tools": tuple(one.plain() for one in self.tools or ()),
            "tool_choice": choice.function.name if isinstance(choice, NamedTool) else choice,
            "parallel_tool_calls": self.parallel_tool_calls is not False,
        }


def check_able(sampling: Sampling, engines: Sequence[EngineInfo]) -> None:
    """Raises Refused (400) for what none of these can do."""
    model = engines[0].model if engines else ""
    if sampling.offered and not any(one.tools for one in engines):
        raise _refused("tools", f"The model {model} calls no tools: leave them out.")
    if sampling.logprobs is not None and not any(one.logprobs for one in engines):
        raise _refused("logprobs", f"The model {model} gives no probabilities: leave them out.")
    wanted = sampling.format
    if wanted is not None and not any(wanted.kind in one.formats for one in engines):
        raise _refused(
            "response_format", f"The model {model} can't be held to the form {wanted.kind}."
        )


def _text(schema: dict[str, Any]) -> str:
    """In the order in which it came: that is the order of an answer's fields."""
    return json.dumps(schema, ensure_ascii=False)


def _refused(field: str, sentence: str) -> Refused:
    return Refused(400, f"{field}: {sentence}", param=field)
