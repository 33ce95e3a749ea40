"""What /readyz says of the engine."""

from __future__ import annotations

import pytest

from assistant.signals import WorkerPresence, WorkerState
from bots.health import ANSWERING, engine_line
from inference.api import EngineInfo

EMBEDS = EngineInfo("demo-embeddings", "vectors", 8192, "f", generates=False, embeddings="vectors")


def present(state: WorkerState, detail: str = "") -> WorkerPresence:
    return WorkerPresence("worker", state, detail, None)


def test_without_a_worker_that_is_said() -> None:
    assert engine_line([]) == "no worker"


@pytest.mark.parametrize("state", ["ready", "asleep", "waking"])
def test_one_worker_that_would_answer_is_enough(state: WorkerState) -> None:
    others = [present("rebuilding", "stuck"), present("draining"), present("dead", "gone")]
    assert engine_line([*others, present(state)]) in ANSWERING


@pytest.mark.parametrize("state", ["starting", "rebuilding", "draining", "away", "dead"])
def test_a_worker_that_would_not_answer_is_not_ready_and_says_why(state: WorkerState) -> None:
    line = engine_line([present(state, "the weights are gone")])
    assert line == f"{state}: the weights are gone"
    assert line not in ANSWERING


def test_what_is_about_to_be_ready_is_said_before_what_is_not() -> None:
    workers = [present("dead", "gone"), present("starting", "loading the weights")]
    assert engine_line(workers) == "starting: loading the weights"


def test_a_model_of_embeddings_answers_nobody() -> None:
    embeds = WorkerPresence("another", "ready", "", EMBEDS)
    assert engine_line([embeds]) == "no worker"
    assert engine_line([embeds, present("starting", "loading")]) == "starting: loading"
