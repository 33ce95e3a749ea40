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
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from tests.benchmarks.machine import ROOT, this_machine
from tests.benchmarks.markdown import replaced
from tests.faults.matrix.episode import Outcome
from tests.faults.matrix.points import POINTS
from tests.faults.matrix.runs import carry_out, case_of, cases
from tests.faults.matrix.table import rendered

DOCUMENT = ROOT / "docs" / "faults.md"
RUNS = 1000
LANES = 6


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
    if given.seed is not None:
        chosen = [case_of(given.seed)]
    else:
        first = secrets.randbelow(10**6) if given.first is None else given.first
        print(f"seeds from {first} on", flush=True)
        chosen = list(cases(first, given.runs, given.point))
    printer = Printer(len(chosen), given.logs, given.verbose or given.seed is not None)
    machine = this_machine()
    outcomes = asyncio.run(carry_out(chosen, given.lanes, printer.tell))
    minutes = (time.monotonic() - printer.began) / 60
    lines = [
        f"{len(outcomes):,} runs in {minutes:.0f} min on {given.lanes} lanes, "
        f"seeds from {chosen[0].seed}",
        *machine.lines(),
    ]
    section = "\n".join([rendered(outcomes), "", *(f"- {line}" for line in lines)])
    print(f"\n{section}", flush=True)
    if given.write:
        DOCUMENT.write_text(replaced(DOCUMENT.read_text(), "matrix", section))
    return 0 if all(one.clean for one in outcomes) else 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    names = [point.name for point in POINTS]
    parser = argparse.ArgumentParser("python -m tests.faults.matrix", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"how many ({RUNS})")
    parser.add_argument("--lanes", type=int, default=LANES, help=f"side by side ({LANES})")
    parser.add_argument(
        "--point",
        action="append",
        default=[],
        choices=names,
        metavar="NAME",
        help=f"only this point; may be given again: {', '.join(names)}",
    )
    parser.add_argument("--first", type=int, help="the first seed; else drawn and printed")
    parser.add_argument("--seed", type=int, help="repeat this one run")
    parser.add_argument("--logs", type=Path, help="a folder for the logs of runs that went wrong")
    parser.add_argument("--verbose", action="store_true", help="a line for each run")
    parser.add_argument("--write", action="store_true", help="also write docs/faults.md's table")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
