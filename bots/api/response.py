"""What goes back, in OpenAI's form. The models are for the OpenAPI document and for typing."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


class PromptTokensDetails(BaseModel):
    cached_tokens: int


class Usage(BaseModel):
    """`cached_tokens` of the prompt were in the cache of an earlier one."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails


class CalledFunction(BaseModel):
    name: str
    arguments: str


class Call(BaseModel):
    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class CallDelta(Call):
    """A call of a streamed answer: it comes in one piece."""

    index: int


class LikelyToken(BaseModel):
    """`bytes` are those of the text in UTF-8; none for a token that only begins a character."""

    token: str
    logprob: float
    bytes: list[int]


class TokenChance(LikelyToken):
    top_logprobs: list[LikelyToken]


class Logprobs(BaseModel):
    content: list[TokenChance]


class ReplyMessage(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str | None
    tool_calls: list[Call] | None = None


class Choice(BaseModel):
    """`stop_reason`, as vLLM has it: the stop string or the token that ended the answer."""

    index: int = 0
    message: ReplyMessage
    finish_reason: FinishReason
    logprobs: Logprobs | None = None
    stop_reason: str | int | None = None


class ChatCompletion(BaseModel):
    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage


class DeltaMessage(BaseModel):
    role: Literal["assistant"] | None = None
    content: str | None = None
    tool_calls: list[CallDelta] | None = None


class ChunkChoice(BaseModel):
    index: int = 0
    delta: DeltaMessage
    finish_reason: FinishReason | None = None
    logprobs: Logprobs | None = None
    stop_reason: str | int | None = None


class ChatCompletionChunk(BaseModel):
    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: Usage | None = None


class TextChoice(BaseModel):
    index: int
    text: str
    finish_reason: FinishReason | None
    logprobs: None = None


class TextCompletion(BaseModel):
    """Also each chunk of a streamed one; `usage` is then in a chunk of its own."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[TextChoice]
    usage: Usage | None = None


Capability = Literal["chat", "completions", "embeddings", "vision"]


class Model(BaseModel):
    """`max_model_len` is the longest prompt and answer together, in tokens."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "outrider"
    max_model_len: int
    capabilities: list[Capability]
    profile: str
    quantization: str = Field("", description="How the weights are stored, where that is known.")


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[Model]


class ErrorDetail(BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    error: ErrorDetail


_NAMED = {"$ref": f"#/components/schemas/{ErrorBody.__name__}"}


def refusals(first: int, *further: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may refuse with these statuses.

    Each model costs each route a validator that nobody calls: the first one brings the schema into
    the document, and the others name it."""
    found: dict[int | str, dict[str, Any]] = {first: {"model": ErrorBody}}
    for status in further:
        found[status] = {"content": {"application/json": {"schema": _NAMED}}}
    return found
