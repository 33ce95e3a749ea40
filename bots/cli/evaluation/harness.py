"""lm-eval's tasks on a chat model behind an API. Only `evaluate` imports this: lm-eval is heavy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lm_eval import simple_evaluate
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager

from assistant.errors import AssistantError
from bots.cli.evaluation.questions import Outrider, Question

OURS = Path(__file__).with_name("tasks")
OWN_TASK = "outrider_basics"
ANSWER_TOKENS = 256  # where a task doesn't say, as everywhere in lm-eval


@dataclass(frozen=True, slots=True)
class Score:
    """One metric of one task; `questions` were asked. `stderr` None: the metric has none."""

    task: str
    metric: str
    value: float
    stderr: float | None
    questions: int


def scores(
    outrider: Outrider, tasks: Sequence[str], limit: int | None, answered: Callable[[int], None]
) -> list[Score]:
    """Run the tasks. Raises AssistantError: no such task, one that can't be asked, a refusal."""
    # Its own are thousands, which takes a while to read.
    manager = TaskManager(include_path=OURS, include_defaults=not set(tasks) <= {OWN_TASK})
    refuse_what_cant_be_asked(tasks, manager)
    try:
        loaded = manager.load(list(tasks))
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise AssistantError(f"The task's questions can't be loaded: {error}") from error
    for name, task in loaded["tasks"].items():
        _must_be_askable(name, task.OUTPUT_TYPE, unsafe=getattr(task, "UNSAFE_CODE", False))
    results = simple_evaluate(
        model=ChatModel(outrider, answered),
        tasks=list(loaded["tasks"].values()),
        task_manager=manager,
        limit=limit,
        apply_chat_template=True,
        log_samples=False,
    )
    return list(_scores(results))


class ChatModel(LM):  # type: ignore[misc]
    """What lm-eval asks its questions. Prompts are chats, as JSON."""

    def __init__(self, outrider: Outrider, answered: Callable[[int], None]) -> None:
        super().__init__()
        self._outrider = outrider
        self._answered = answered

    @property
    def tokenizer_name(self) -> str:
        return ""

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        return json.dumps(chat_history)

    def generate_until(self, requests: list[Instance]) -> list[str]:
        questions = [question(*request.args) for request in requests]
        return asyncio.run(self._outrider.answers(questions, self._answered))

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        raise NotImplementedError

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        raise NotImplementedError


def question(chat: str, options: dict[str, Any]) -> Question:
    """In the API's words what a task says in lm-eval's. Greedy, unless the task says otherwise."""
    rest = {key: value for key, value in options.items() if key not in ("until", "do_sample")}
    tokens = rest.pop("max_gen_toks", ANSWER_TOKENS)
    until = options.get("until") or []
    return Question(
        messages=json.loads(chat),
        until=tuple(one for one in ([until] if isinstance(until, str) else until) if one),
        options={"temperature": 0.0, "max_tokens": tokens, **rest},
    )


def refuse_what_cant_be_asked(tasks: Sequence[str], manager: TaskManager) -> None:
    """By the tasks' files, before anything is downloaded. Raises AssistantError."""
    for name in tasks:
        entry = manager.task_index.get(name)
        if entry is None:
            raise AssistantError(
                f"lm-eval has no task {name!r}: 'lm-eval ls tasks' lists what it has."
            )
        said = entry.cfg or {}
        kind = said.get("output_type", "generate_until")
        _must_be_askable(name, kind, unsafe=bool(said.get("unsafe_code")))


def _must_be_askable(name: str, output_type: str, *, unsafe: bool) -> None:
    if output_type != "generate_until":
        raise AssistantError(
            f"The task {name!r} compares the probabilities of given answers, which a chat does "
            "not tell: choose one in which the model writes its answer, such as gsm8k_cot."
        )
    if unsafe:
        raise AssistantError(
            f"The task {name!r} runs code that the model writes, on this machine: run it with "
            "lm-eval itself, in a place where that can do no harm."
        )


def _scores(results: Any) -> Iterator[Score]:
    """lm-eval names a value `metric,filter` and its error `metric_stderr,filter`."""
    for task, values in results["results"].items():
        asked = results["n-samples"].get(task, {}).get("effective", 0)
        for name, value in values.items():
            metric, comma, chosen = name.partition(",")
            if not comma or metric.endswith("_stderr") or not isinstance(value, int | float):
                continue
            error = values.get(f"{metric}_stderr,{chosen}")
            shown = metric if chosen == "none" else f"{metric} ({chosen})"
            known = float(error) if isinstance(error, int | float) else None
            yield Score(task, shown, float(value), known, asked)
