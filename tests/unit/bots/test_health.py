"""What /readyz says of the engines."""

from __future__ import annotations

from assistant.signals import WorkerPresence
from bots.health import engine_line
from inference.api import EngineInfo

ANSWERS = EngineInfo("demo", "small", 8192, "f")
EMBEDS = EngineInfo("demo-embeddings", "vectors", 8192, "f", generates=False, embeddings="vectors")


def worker(state: str, info: EngineInfo | None = None, detail: str = "") -> WorkerPresence:
    return WorkerPresence("worker", state, detail, info)  # type: ignore[arg-type]


def test_one_that_answers_is_enough() -> None:
    assert engine_line([worker("dead"), worker("ready", ANSWERS)]) == "ready"


def test_a_model_of_embeddings_answers_nobody() -> None:
    assert engine_line([worker("ready", EMBEDS)]) == "no worker"
    starting = worker("starting", detail="loading the model")
    assert engine_line([worker("ready", EMBEDS), starting]) == "starting: loading the model"
