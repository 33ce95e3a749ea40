"""`python -m tests.benchmarks [NAME…] [--quick | --write]`

Prints each table as soon as it is measured. A missed target is printed as such and is no error;
a measurement that breaks is one, and the others still run.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import traceback
from collections.abc import Sequence

import structlog

from tests.benchmarks.catalogue import MEASUREMENTS, ONLY_BY_NAME
from tests.benchmarks.machine import ROOT, this_machine
from tests.benchmarks.markdown import rendered, replaced
from tests.benchmarks.table import Effort

DOCUMENT = ROOT / "docs" / "benchmarks.md"


def main(arguments: Sequence[str]) -> int:
    given = _parse(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    names = given.names or [name for name in MEASUREMENTS if name not in ONLY_BY_NAME]
    broken = [name for name in names if not _measure(name, Effort(given.quick), given.write)]
    if broken:
        print(f"broken: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASUREMENTS))
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--quick", action="store_true", help="only show that it works")
    how.add_argument("--write", action="store_true", help="also write into docs/benchmarks.md")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if name not in MEASUREMENTS]
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}: choose of {', '.join(MEASUREMENTS)}")
    return given


def _measure(name: str, effort: Effort, write: bool) -> bool:
    """Whether it could be measured."""
    machine = this_machine()
    try:
        table = asyncio.run(MEASUREMENTS[name](effort))
    except Exception:
        print(f"\n### {name}: broken", flush=True)
        traceback.print_exc()
        return False
    where = "\n".join(f"- {line}" for line in machine.lines())
    quick = "\n- quick: these figures say little" if effort.quick else ""
    section = f"{rendered(table)}\n\n{where}{quick}"
    print(f"\n{section}", flush=True)
    if write:
        DOCUMENT.write_text(replaced(DOCUMENT.read_text(), name, section))
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
