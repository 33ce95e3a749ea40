"""What a client may send, checked before the assistant sees it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
)
from pydantic_core import ErrorDetails

from bots.api.images import ImagePart, decoded
from bots.api.output_request import Call, OutputFields
from bots.api.text import Text
from bots.api.whole import Whole
from bots.http.failures import Refused
from inference.api import ChatMessage, Sampling

Asked = TypeVar("Asked", bound=BaseModel)

_LARGEST_SEED = 2**53 - 1  # what JSON, and a schema's own bounds, carry exactly


Tokens = Annotated[int, Field(ge=1, le=2**31 - 1), Whole]
Seed = Annotated[int, Field(ge=-_LARGEST_SEED, le=_LARGEST_SEED), Whole]


# Outrider's own: an answer that isn't over by then ends as it is.
Deadline = Annotated[
    float,
    Field(gt=0, le=86_400, description="Waiting included; never later than the settings say."),
]


class Strict(BaseModel):
    """No "1" for 1, no true for 1. What we don't know is ignored, as clients expect."""

    model_config = ConfigDict(strict=True, extra="ignore")


class TextPart(Strict):
    type: Literal["text"]
    text: Text


Part = Annotated[TextPart | ImagePart, Field(discriminator="type")]


class SystemMessage(Strict):
    """Without images: chat templates have no place for them here."""

    role: Literal["system", "developer"]
    content: Text | list[TextPart]

    def plain(self) -> ChatMessage:
        return ChatMessage("system", _joined(self.content))


class UserMessage(Strict):
    role: Literal["user"]
    content: Text | list[Part]

    def plain(self) -> ChatMessage:
        """Raises Refused (400) for an image that can't be read."""
        if isinstance(self.content, str):
            return ChatMessage("user", self.content)
        texts = [part for part in self.content if isinstance(part, TextPart)]
        shown = [part.image_url.url for part in self.content if isinstance(part, ImagePart)]
        return ChatMessage("user", _joined(texts), tuple(map(decoded, shown)))


class AssistantMessage(Strict):
    role: Literal["assistant"]
    content: Text | list[TextPart] | None = None
    tool_calls: Annotated[list[Call], Field(max_length=128)] | None = None

    def plain(self) -> ChatMessage:
        calls = tuple(one.plain() for one in self.tool_calls or ())
        return ChatMessage("assistant", _joined(self.content), tool_calls=calls)


class ToolMessage(Strict):
    """What became of a call."""

    role: Literal["tool"]
    tool_call_id: Annotated[Text, Field(min_length=1, max_length=256)]
    content: Text | list[TextPart]

    def plain(self) -> ChatMessage:
        return ChatMessage("tool", _joined(self.content), tool_call_id=self.tool_call_id)


Message = Annotated[
    SystemMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")
]


def _joined(content: str | list[TextPart] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(part.text for part in content)


class StreamOptions(Strict):
    include_usage: bool | None = None


StopText = Annotated[Text, Field(min_length=1, max_length=256)]


class ChatCompletionRequest(OutputFields):
    messages: list[Message] = Field(min_length=1, max_length=2048)
    model: str | None = Field(
        None, description="Any name: there is one model, and the answer says which."
    )
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0.000_001, le=1)
    stop: StopText | Annotated[list[StopText], Field(max_length=4)] | None = None
    seed: Seed | None = None
    n: Annotated[Literal[1], Whole] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    deadline_seconds: Deadline | None = None
    user: str | None = None

    def chat(self) -> list[ChatMessage]:
        return [message.plain() for message in self.messages]

    def sampling(self) -> Sampling:
        """Raises Refused (400) for values that are none, or don't go together."""
        stop = self.stop or []
        return self.with_output(
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_completion_tokens or self.max_tokens,
            seed=self.seed,
            stop=(stop,) if isinstance(stop, str) else tuple(stop),
        )

    @property
    def include_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)


def parse_request(body: bytes) -> ChatCompletionRequest:
    """Raises Refused (400) with a sentence that names the field."""
    return parse(ChatCompletionRequest, body)


def parse(kind: type[Asked], body: bytes) -> Asked:
    """A body as such a request. Raises Refused (400) with a sentence that names the field."""
    try:
        body.decode()
    except UnicodeDecodeError:
        raise Refused(400, "The body is not valid UTF-8.") from None
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(error) from None


def request_schema(kind: type[BaseModel] = ChatCompletionRequest) -> dict[str, Any]:
    """The body's JSON schema without references, as an OpenAPI document can hold it."""
    schema = kind.model_json_schema()
    definitions = schema.pop("$defs", {})

    def inline(node: Any) -> Any:
        if isinstance(node, list):
            return [inline(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return inline(definitions[node["$ref"].rpartition("/")[2]])
        # A discriminator's mapping would name what is no more there.
        return {key: inline(value) for key, value in node.items() if key != "discriminator"}

    inlined: dict[str, Any] = inline(schema)
    return inlined


def _refusal(error: ValidationError) -> Refused:
    errors = error.errors()
    first = errors[0]
    if first["loc"] and _is_branch(first["loc"][-1]):
        # Of a union's branches, the one that came furthest says best what is wrong.
        union = first["loc"][:-1]
        among = [one for one in errors if one["loc"][: len(union)] == union]
        first = max(among, key=lambda one: (len(one["loc"]), not one["type"].endswith("_type")))
    if first["type"] == "json_invalid":
        return Refused(400, f"The body is not JSON: {first['ctx']['error']}.")
    field, message = _named(first)
    message = f"{field}: {message}." if field else "The body must be a JSON object."
    return Refused(400, message, param=field or None)


def _named(error: ErrorDetails) -> tuple[str, str]:
    """Which field it is, and what is wrong with it."""
    parts = [*_fields(error["loc"])]
    if error["type"] in ("union_tag_not_found", "union_tag_invalid"):
        tag = error["ctx"]["discriminator"].strip("'")
        wrong = error["ctx"].get("expected_tags")
        return ".".join([*parts, tag]), f"Input should be {wrong}" if wrong else "Field required"
    return ".".join(parts), error["msg"]


def _fields(location: Sequence[int | str]) -> Iterator[str]:
    """pydantic puts a union's branches in between, and behind an item its tag."""
    for position, part in enumerate(location):
        tagged = position >= 2 and "tagged-union" in str(location[position - 2])
        tagged = tagged or (position == 2 and location[0] == "messages")
        if not _is_branch(part) and not tagged:
            yield str(part)


def _is_branch(part: int | str) -> bool:
    """As `str`, `list[TextPart]`, or a class's name."""
    if not isinstance(part, str):
        return False
    return part == "str" or "[" in part or "-" in part or part[:1].isupper()
