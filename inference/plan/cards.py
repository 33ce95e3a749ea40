"""Cards by name, or by size: their memory and its bandwidth.

Memory is what the driver gives a program, a little less than the name says: as CUDA and ROCm state
it as a card's total capacity. Bandwidth is the makers' data sheets'; no program quite reaches it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from inference.errors import PlanRefused

GIB = 1 << 30
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(gb|gib)(?:\s*@\s*(\d+(?:\.\d+)?)\s*(gb|tb)/s)?", re.I)
_UNITS = {"gb": 10**9, "gib": GIB, "tb": 10**12}
_LARGEST_BYTES = 10**15


@dataclass(frozen=True, slots=True)
class Card:
    """`memory_bytes` that a program can have; `bandwidth` in bytes a second, None if unknown.

    `is_gpu` False: this is a machine's main memory, for a model on its CPU.
    """

    name: str
    memory_bytes: int
    bandwidth: float | None
    is_gpu: bool = True


def _card(name: str, gib: float, terabytes_a_second: float) -> Card:
    return Card(name, int(gib * GIB), terabytes_a_second * 1e12)


CARDS: tuple[Card, ...] = (
    _card("H100", 79.1, 3.35),  # SXM
    _card("H100 PCIe", 79.1, 2.0),
    _card("H100 NVL", 93.1, 3.9),
    _card("H200", 139.8, 4.8),
    _card("B200", 178.3, 8.0),
    _card("A100 80GB", 79.1, 2.04),
    _card("A100 40GB", 39.4, 1.56),
    _card("L40S", 44.4, 0.86),
    _card("RTX 4090", 23.5, 1.01),
    _card("MI300X", 191.7, 5.3),
)


def card_named(text: str) -> Card:
    """By name (`H100`, `rtx4090`) or by size (`80GB`, `80GB@3.35TB/s`). Raises PlanRefused."""
    wanted = _plain(text)
    for card in CARDS:
        if wanted == _plain(card.name):
            return card
    sized = _SIZE.fullmatch(text.strip())
    if sized is None:
        raise PlanRefused(
            f"There is no card {text!r}: name one of {', '.join(card.name for card in CARDS)}, or "
            "give its size as 80GB or 80GB@3.35TB/s."
        )
    memory = int(float(sized[1]) * _UNITS[sized[2].lower()])
    if not 0 < memory <= _LARGEST_BYTES:
        raise PlanRefused(f"A card of {text.strip()} is none: give its size as 80GB.")
    speed = float(sized[3]) * _UNITS[sized[4].lower()] if sized[3] else None
    return Card(text.strip(), memory, speed or None)


def bandwidth_of(name: str) -> float | None:
    """By the name that a driver gives a card: `NVIDIA H100 80GB HBM3` is an H100."""
    shown = _plain(name)
    found = [card for card in CARDS if all(word in shown for word in _words(card.name))]
    best = max(found, key=lambda card: len(card.name), default=None)
    return best.bandwidth if best is not None else None


def _words(name: str) -> list[str]:
    return [_plain(word) for word in name.split()]


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
