"""`python -m tests.benchmarks.gpu [--small]`: all that needs a GPU, under eight minutes.

Writes a table into tests/benchmarks/results/. Without a GPU it refuses, but for `--small`, which
shows on a CPU (with TRITON_INTERPRET=1) that the script works, and writes nothing.
"""

from __future__ import annotations

import argparse
import sys

import torch

from tests.benchmarks.gpu.layer import points
from tests.benchmarks.gpu.report import rendered, write
from tests.benchmarks.gpu.right import cases
from tests.benchmarks.gpu.roof import measured_roof
from tests.benchmarks.gpu.shapes import MAVERICK, SCOUT, TINY

DECODE = (1, 2, 4, 8, 16, 32, 64)
PREFILL = (128, 256, 512, 1024, 4096)


def main() -> int:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.gpu", description=__doc__)
    parser.add_argument("--small", action="store_true", help="only show that it works")
    small = parser.parse_args().small
    if not torch.cuda.is_available() and not small:
        print("There is no NVIDIA GPU here: run this where one is.", file=sys.stderr)
        return 1
    device = "cuda" if torch.cuda.is_available() else "cpu"
    found = cases(small)
    roof = measured_roof(device, small)
    if small:
        timed = points(TINY, (1, 8), roof, device)
    else:
        timed = points(SCOUT, (*DECODE, *PREFILL), roof, device)
        timed += points(MAVERICK, DECODE, roof, device)
    text = rendered(roof, found, timed)
    print(text)
    if not small:
        print(f"Written to {write(text).name}.")
    return 0 if all(one.right for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
