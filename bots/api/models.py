"""What is served, as `/v1/models` says it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bots.api.outcome import RETRY_AFTER_SECONDS
from bots.api.response import Capability, Model
from bots.http.failures import Refused
from inference.api import EngineInfo


def described(engines: Sequence[EngineInfo]) -> list[Model]:
    """Raises Refused (503) while nothing is served."""
    if not engines:
        raise not_ready()
    return [model for info in engines for model in _models(info)]


def named(engines: Sequence[EngineInfo], name: str) -> Model:
    """Raises Refused: 404 for a model that is not served, 503 while nothing is."""
    for model in described(engines):
        if model.id == name:
            return model
    raise Refused(
        404,
        f"There is no model {name!r} here: GET /v1/models lists what is served.",
        code="model_not_found",
        param="model",
    )


def answering(engines: Sequence[EngineInfo]) -> EngineInfo:
    """The one that answers now. Raises Refused (503) while none does."""
    for one in engines:
        if one.generates:
            return one
    raise not_ready()


def not_ready() -> Refused:
    return Refused(
        503,
        "The model is not ready yet. Try again in a moment.",
        code="engine_unavailable",
        headers={"retry-after": RETRY_AFTER_SECONDS},
    )


def _models(info: EngineInfo) -> Iterator[Model]:
    able: list[Capability] = ["chat", "completions"] if info.generates else []
    if info.vision:
        able.append("vision")
    if info.embeddings == info.model:
        able.append("embeddings")
    if able:
        yield _model(info, info.model, able)
    if info.embeddings not in ("", info.model):
        yield _model(info, info.embeddings, ["embeddings"])


def _model(info: EngineInfo, name: str, able: list[Capability]) -> Model:
    return Model(
        id=name,
        max_model_len=info.max_model_len,
        capabilities=able,
        profile=info.profile,
        quantization=info.quantization if name == info.model else "",
    )
