"""`python -m tests.faults.matrix [--runs N] [--point NAME]… [--seed N] [--write]`

Prints each run that went wrong with its seed and what was seen, then the table. The exit status
is 1 when anything was lost, doubled, out of order, or shown that is no answer.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from inference.demo.checkpoint import ensure_demo_model
from tests.benchmarks.machine import ROOT, this_machine
from tests.benchmarks.markdown import replaced
from tests.faults.matrix.episode import Case, Outcome
from tests.faults.matrix.model_talk import ModelTalk
from tests.faults.matrix.points import CORE, MODEL_POINTS, POINTS, Point
from tests.faults.matrix.runs import carry_out, case_of, cases
from tests.faults.matrix.table import rendered
from tests.faults.matrix.talk import ScriptedTalk, Talk
from tests.support.demo import CACHE, quiet

DOCUMENT = ROOT / "docs" / "faults.md"


def demo_models() -> Path:
    """A data directory with the demo model, which is built there if it is not."""
    ensure_demo_model(CACHE, quiet)
    return CACHE


@dataclass(frozen=True, slots=True)
class Engine:
    """What is run with an engine, and where its table stands in the document."""

    mark: str
    talk: Talk
    points: Sequence[Point]
    runs: int
    lanes: int
    models: Callable[[], Path | None]


ENGINES = {
    "scripted": Engine("matrix", ScriptedTalk(), POINTS, 1000, 6, lambda: None),
    "demo": Engine("demo model", ModelTalk(), MODEL_POINTS, 20, 1, demo_models),
}


@dataclass(slots=True)
class Printer:
    """Says how far it is, and all about what went wrong."""

    runs: int
    logs: Path | None
    verbose: bool
    began: float = field(default_factory=time.monotonic)
    done: int = 0

    def tell(self, outcome: Outcome, logs: str) -> None:
        self.done += 1
        case = outcome.case
        what = f"seed {case.seed}: {case.point.name}, {case.channel}"
        if not outcome.clean:
            print(f"\n{what}: WRONG\n  " + "\n  ".join(outcome.verdict.notes), flush=True)
            if self.logs is not None:
                self.logs.mkdir(parents=True, exist_ok=True)
                (self.logs / f"{case.seed}.log").write_text(logs)
        elif self.verbose:
            seconds = f"{outcome.recovered_seconds:.1f} s"
            missed = "" if outcome.hit else ", the fault did not fall"
            print(f"{what}: {seconds}{missed}", flush=True)
        if self.done % 50 == 0:
            minutes = (time.monotonic() - self.began) / 60
            print(f"{self.done} of {self.runs} runs, {minutes:.1f} min", flush=True)


def main(arguments: Sequence[str]) -> int:
    given = _parse(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    how = ENGINES[given.engine]
    chosen = _chosen(given, how)
    printer = Printer(len(chosen), given.logs, given.verbose or given.seed is not None)
    machine = this_machine()
    outcomes = asyncio.run(
        carry_out(chosen, given.lanes or how.lanes, printer.tell, how.talk, how.models())
    )
    minutes = (time.monotonic() - printer.began) / 60
    lines = [
        f"{len(outcomes):,} runs in {minutes:.0f} min, {given.lanes or how.lanes} side by side, "
        f"seeds from {chosen[0].seed}",
        *machine.lines(),
    ]
    section = "\n".join([rendered(outcomes), "", *(f"- {line}" for line in lines)])
    print(f"\n{section}", flush=True)
    if given.write:
        DOCUMENT.write_text(replaced(DOCUMENT.read_text(), how.mark, section))
    return 0 if all(one.clean for one in outcomes) else 1


def _chosen(given: argparse.Namespace, how: Engine) -> Sequence[Case]:
    if given.seed is not None:
        return [case_of(given.seed, how.points)]
    first = secrets.randbelow(10**6) if given.first is None else given.first
    print(f"seeds from {first} on", flush=True)
    return list(cases(first, given.runs or how.runs, given.point, how.points))


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    names = [point.name for point in (*POINTS, CORE)]
    parser = argparse.ArgumentParser("python -m tests.faults.matrix", description=__doc__)
    parser.add_argument("--runs", type=int, help="how many (1,000; with a model 20)")
    parser.add_argument("--lanes", type=int, help="side by side (6; with a model 1)")
    parser.add_argument(
        "--point",
        action="append",
        default=[],
        choices=names,
        metavar="NAME",
        help=f"only this point; may be given again: {', '.join(names)}",
    )
    parser.add_argument("--engine", default="scripted", choices=ENGINES, help="who answers")
    parser.add_argument("--first", type=int, help="the first seed; else drawn and printed")
    parser.add_argument("--seed", type=int, help="repeat this one run")
    parser.add_argument("--logs", type=Path, help="a folder for the logs of runs that went wrong")
    parser.add_argument("--verbose", action="store_true", help="a line for each run")
    parser.add_argument("--write", action="store_true", help="also write docs/faults.md's table")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
