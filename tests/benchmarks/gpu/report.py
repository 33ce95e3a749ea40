"""The table for people, and where it is written."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import torch
import triton

from tests.benchmarks.gpu.layer import Point
from tests.benchmarks.gpu.right import Case
from tests.benchmarks.gpu.roof import Roof

RESULTS = Path(__file__).resolve().parents[1] / "results"


def card_name() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"


def rendered(roof: Roof, cases: Sequence[Case], points: Sequence[Point]) -> str:
    lines = [
        f"# {card_name()}",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}; driver {_driver()}; torch {torch.__version__}, Triton "
        f"{triton.__version__}, Python {platform.python_version()}.",
        "",
        f"Roof, measured: a copy moves {roof.bandwidth / 1e9:,.0f} GB/s, a product of bf16 "
        f"{roof.multiply / 1e12:,.1f} TFLOP/s.",
        "",
        "## Right?",
        "",
        "Against the naive layer in float64; twice with equal bits; in a CUDA graph that was "
        "captured with another routing.",
        "",
        "| format | tokens | error | equal bits | in a graph |",
        "|---|---|---|---|---|",
        *(
            f"| {one.form} | {one.tokens} | {one.error:.1e} | {_yes(one.repeatable)} | "
            f"{_yes(one.in_graph)} |"
            for one in cases
        ),
        "",
        "## How fast?",
        "",
        "int4 experts of one layer, uniform routing, cold cache, replayed as a graph. The roof is "
        "the larger of the time to read the experts that are met, and the time to multiply.",
        "",
        "| layer | tokens | experts met | p20 µs | p50 µs | p80 µs | roof µs | share |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {one.shape} | {one.tokens} | {one.distinct} | {one.times.p20 * 1e6:,.1f} | "
            f"{one.times.p50 * 1e6:,.1f} | {one.times.p80 * 1e6:,.1f} | {one.bound * 1e6:,.1f} | "
            f"{one.share:.0%} |"
            for one in points
        ),
        "",
    ]
    return "\n".join(lines)


def write(text: str) -> Path:
    name = card_name().lower().replace(" ", "-")
    file = RESULTS / f"{name}-{datetime.now(UTC):%Y-%m-%d}.md"
    RESULTS.mkdir(exist_ok=True)
    file.write_text(text)
    return file


def _driver() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "none"


def _yes(value: bool) -> str:
    return "yes" if value else "**no**"
