"""`python -m tests.benchmarks.gpu`: all that needs a GPU, in under eight minutes.

Writes a page, the CSVs and a picture, and writes them anew after each step. Without a GPU it
refuses, but for `--cpu`: tiny sizes by Triton's interpreter, which shows that the check works.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.benchmarks.gpu.cases import read_cases
from tests.benchmarks.gpu.report import rendered
from tests.benchmarks.gpu.steps import ON_A_CPU, ON_A_GPU, Step, in_turn
from tests.benchmarks.moe.__main__ import common_options, parsed, ready
from tests.benchmarks.moe.card import this_card
from tests.benchmarks.moe.rows import read_csv


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.gpu", description=__doc__)
    common_options(parser)
    parser.add_argument("--minutes", type=float, default=7.5, help="no step goes on for longer")
    given = parsed(parser, arguments)
    if not ready(given.cpu):
        return 1
    given.name = given.name or f"gpu-check-{this_card().stem}"
    given.out.mkdir(parents=True, exist_ok=True)
    return _check(given)


def _check(given: argparse.Namespace) -> int:
    for ending in ("csv", "svg", "md", "right.csv"):
        _file(given, ending).unlink(missing_ok=True)
    troubles: list[str] = []
    steps = ON_A_CPU if given.cpu else ON_A_GPU
    for step, trouble in in_turn(steps, partial(_shared, given), given.minutes * 60):
        if trouble:
            troubles.append(f"{step.what}: {trouble}")
            print(troubles[-1], flush=True)
        _write(given, troubles)
    cases = read_cases(_file(given, "right.csv"))
    wrong = not cases or not all(case.right for case in cases if case.matters)
    print(f"\nWritten to {_file(given, 'md').name}.", *(["Ours are WRONG."] if wrong else []))
    return 1 if wrong or troubles else 0


def _shared(given: argparse.Namespace, step: Step) -> list[str]:
    """The options of each step."""
    name = f"{given.name}.right" if step.module.endswith("right") else given.name
    paths = (("--marlin", given.marlin), ("--vllm", given.vllm), ("--tuned", given.tuned))
    chosen = [part for flag, path in paths if path for part in (flag, str(path.resolve()))]
    commit = ["--commit", given.commit] if given.commit else []
    return ["--out", str(given.out.resolve()), "--name", name, *chosen, *commit]


def _write(given: argparse.Namespace, troubles: Sequence[str]) -> None:
    cases, rows = read_cases(_file(given, "right.csv")), read_csv(_file(given, "csv"))
    _file(given, "md").write_text(rendered(cases, rows, troubles))


def _file(given: argparse.Namespace, ending: str) -> Path:
    folder: Path = given.out
    return folder / f"{given.name}.{ending}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
