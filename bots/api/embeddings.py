"""`/v1/embeddings`: vectors of texts, where a model serves them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from assistant.answering.embeddings import Embedded, unpacked
from assistant.errors import EmbeddingFailed
from assistant.incoming.quotas import Quotas
from assistant.service import Assistant
from assistant.storage.api_keys import ApiKey
from bots.api.models import not_ready
from bots.api.outcome import refused_by
from bots.api.refusing import refusing
from bots.api.request import Strict, parse
from bots.api.text import Text
from bots.api.text_request import no_ids
from bots.http.failures import Refused
from bots.http.stream import unless_gone

MOST_TEXTS = 256

EmbeddedText = Annotated[Text, Field(min_length=1)]


class EmbeddingRequest(Strict):
    input: Annotated[
        EmbeddedText | Annotated[list[EmbeddedText], Field(min_length=1, max_length=MOST_TEXTS)],
        BeforeValidator(no_ids),
    ]
    model: str | None = Field(
        None,
        description="One that /v1/models says makes embeddings; of any other name, the first one.",
    )
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[None, refusing("Vectors are given as long as the model makes them")] = (
        None
    )
    user: str | None = None

    def texts(self) -> list[str]:
        return [self.input] if isinstance(self.input, str) else self.input


class Embedding(Strict):
    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingUsage(Strict):
    prompt_tokens: int
    total_tokens: int


class EmbeddingList(Strict):
    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: EmbeddingUsage


@dataclass(frozen=True, slots=True)
class EmbeddingEndpoint:
    assistant: Assistant
    quotas: Quotas | None = None

    async def answer(self, request: Request) -> Response:
        asked = parse(EmbeddingRequest, await request.body())
        model = await self._model(asked.model)
        try:
            found = await unless_gone(request.receive, self.assistant.embed(model, asked.texts()))
        except EmbeddingFailed as error:
            raise refused_by(error.code, str(error), "input") from error
        if found is None:
            raise Refused(499, "The client left before the embeddings were there.")
        await self._count(request.state.key, found.prompt_tokens)
        return JSONResponse(_listed(found, model, asked.encoding_format or "float"))

    async def _model(self, name: str | None) -> str:
        """Raises Refused: 404 where nothing that is there makes embeddings."""
        engines = await self.assistant.engines()
        able: Sequence[str] = [info.embeddings for info in engines if info.embeddings]
        if not engines:
            raise not_ready()
        if not able:
            raise Refused(
                404,
                f"The model {engines[0].model} makes no embeddings, and no other is served here: "
                "start a worker whose profile does.",
                code="model_not_found",
                param="model",
            )
        return name if name is not None and name in able else able[0]

    async def _count(self, key: ApiKey, tokens: int) -> None:
        if self.quotas is not None and key.tokens_per_day is not None:
            await self.quotas.embedded(key.id, tokens)


def _listed(found: Embedded, model: str, form: Literal["float", "base64"]) -> dict[str, Any]:
    vectors: Iterable[list[float] | str] = found.vectors
    if form == "float":
        vectors = map(unpacked, found.vectors)
    return EmbeddingList(
        data=[Embedding(index=at, embedding=vector) for at, vector in enumerate(vectors)],
        model=model,
        usage=EmbeddingUsage(prompt_tokens=found.prompt_tokens, total_tokens=found.prompt_tokens),
    ).model_dump()
