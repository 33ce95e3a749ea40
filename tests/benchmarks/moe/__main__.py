"""`python -m tests.benchmarks.moe`: the routed experts of one layer, ours and others', on a GPU.

Writes a CSV and a picture after every row, so that what was measured stays when it is broken off.
Without a GPU it refuses, but for `--cpu`: tiny sizes by Triton's interpreter, which shows that the
benchmark works and whose times say nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

_HERE = Path(__file__).resolve()
RESULTS, SHOWN = _HERE.parents[1] / "results", _HERE.parents[3] / "build"
NO_GPU = "There is no NVIDIA GPU here: run this where one is, or with --cpu to see that it works."
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)


def main(arguments: Sequence[str]) -> int:
    given = _parse(arguments)
    if not ready(given.cpu):
        return 1
    # Only now: Triton decides for its interpreter when it is imported.
    from tests.benchmarks.moe.campaign import Campaign
    from tests.benchmarks.moe.providers import Where

    campaign = Campaign.begun(
        given.out, given.name, given.commit, append=given.append, on_the_cpu=given.cpu
    )
    where = Where(given.marlin, given.vllm, given.tuned)
    campaign.measure(given.layers, given.routings, given.tokens, given.providers, where)
    print(f"Written to {campaign.table.name} and {campaign.drawing.name}.")
    return 0


def ready(on_the_cpu: bool) -> bool:
    if on_the_cpu:
        os.environ["TRITON_INTERPRET"] = "1"
    elif not torch.cuda.is_available():
        print(NO_GPU, file=sys.stderr)
        return False
    return True


def common_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cpu", action="store_true", help="tiny sizes, without a GPU")
    parser.add_argument("--out", type=Path, help="the folder to write into")
    parser.add_argument("--name", help="of the files, without an ending")
    parser.add_argument("--commit", help="where the code lies without its history")
    parser.add_argument("--marlin", type=Path, help="_moe_C*.abi3.so of a vLLM wheel with CUDA")
    parser.add_argument("--vllm", type=Path, help="vLLM's package, or its fused_moe.py alone")
    parser.add_argument("--tuned", type=Path, help="the folder of tables that were tuned")


def parsed(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """With the folder for results, but for those that say nothing."""
    given = parser.parse_args(arguments)
    given.out = given.out or (SHOWN if given.cpu else RESULTS)
    return given


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.moe", description=__doc__)
    common_options(parser)
    parser.add_argument("--append", action="store_true", help="to the rows that are there")
    parser.add_argument("--layers", nargs="+", metavar="NAME", help="Scout, Maverick or tiny")
    parser.add_argument("--routings", nargs="+", choices=("uniform", "skewed"))
    parser.add_argument("--tokens", nargs="+", type=int, metavar="T")
    parser.add_argument("--providers", nargs="+", metavar="NAME", help='as "ours int4" or Marlin')
    given = parsed(parser, arguments)
    given.layers = given.layers or (["tiny"] if given.cpu else ["Scout", "Maverick"])
    given.routings = given.routings or ["uniform", "skewed"]
    given.tokens = given.tokens or ([1, 7] if given.cpu else COUNTS)
    return given


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
