"""What this machine has: its GPUs as their driver shows them, and its main memory."""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from inference.hardware import VISIBLE, visible_cards
from inference.plan.cards import Card, bandwidth_of

_QUERY = (
    "--query-gpu=name,memory.total,memory.free,memory.reserved",
    "--format=csv,noheader,nounits",
)
_SECONDS = 20.0
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """A card of this machine, and what of it is free now."""

    card: Card
    free_bytes: int


def memory_for(cards: int) -> tuple[Found, ...]:
    """The first so many GPUs that a program sees; for none of them the main memory. Blocks."""
    return found_gpus()[:cards] if cards else (main_memory(),)


def found_gpus() -> tuple[Found, ...]:
    """By NVIDIA's own tool, which comes with the driver; none where it isn't there. Blocks."""
    try:
        said = subprocess.run(
            ["nvidia-smi", *_QUERY], capture_output=True, text=True, timeout=_SECONDS, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    return visible(parsed_gpus(said), os.environ.get(VISIBLE))


def visible(found: tuple[Found, ...], chosen: str | None) -> tuple[Found, ...]:
    """Those that `chosen`, CUDA_VISIBLE_DEVICES, leaves (`hardware.visible_cards`)."""
    return tuple(found[number] for number in visible_cards(len(found), chosen))


def parsed_gpus(said: str) -> tuple[Found, ...]:
    """Lines of `name, total, free, reserved`, in MiB. What can't be read is left out."""
    found = []
    for line in said.splitlines():
        name, *numbers = (part.strip() for part in line.rsplit(",", 3))
        if len(numbers) != 3 or not all(one.isdecimal() for one in numbers[:2]):
            continue
        # The driver's own part is in the total, and no program's to have.
        reserved = int(numbers[2]) if numbers[2].isdecimal() else 0
        total, free = (int(numbers[0]) - reserved) * _MIB, int(numbers[1]) * _MIB
        found.append(Found(Card(name, total, bandwidth_of(name)), min(free, total)))
    return tuple(found)


def main_memory(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> Found:
    """The machine's memory, or what its container may have of it. Its bandwidth isn't known."""
    lines = (line.split() for line in (proc / "meminfo").read_text().splitlines())
    known = {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if len(words) > 1}
    total, free = known["MemTotal"], known.get("MemAvailable", known["MemTotal"])
    limit, used = _number(groups / "memory.max"), _number(groups / "memory.current")
    if limit is not None and limit < total:
        total, free = limit, min(free, max(limit - (used or 0) + _reclaimable(groups), 0))
    return Found(Card(f"main memory, {os.cpu_count()} cores", total, None, is_gpu=False), free)


def _number(file: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return int(file.read_text())
    return None  # no such file, or "max"


def _reclaimable(groups: Path) -> int:
    """Files that were read and can be dropped: they count as used."""
    with contextlib.suppress(OSError, ValueError):
        for line in (groups / "memory.stat").read_text().splitlines():
            if line.startswith("inactive_file "):
                return int(line.split()[1])
    return 0
