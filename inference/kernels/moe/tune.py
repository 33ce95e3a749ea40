"""Finds the best tiling for each number of tokens, by measuring on the card.

One number is changed at a time, from the default on: a kernel's cut, then how often its sum is
split, and at last whether tokens are routed directly and launches overlap. What is timed is the
whole layer, as it runs in a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import torch
import triton
from triton.errors import TritonError

from inference.kernels.moe.layer import Experts, routed_experts
from inference.kernels.moe.tables import CardTable, table_for, table_path, write_table
from inference.kernels.moe.tiles import GROUP, TILE_ROWS, ExpertMatrix
from inference.kernels.moe.tiling import ANY_NUMBER, Cut, Tiling, tiling_for
from inference.kernels.moe.timing import Timer, replayed

# Seconds of one layer with a tiling, None where it can't run or is wrong.
Measure: TypeAlias = Callable[[int, Tiling], float | None]

TOKENS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)
GAIN = 0.98  # of the time so far: less is noise
_BOUND = 2e-2  # ‖this tiling − the default‖ / ‖the default‖; BF16 rounds each number by up to 4e-3
_COPIES = 3  # of the experts: more than any second-level cache between two runs that read the same
_RUNS = 24


@dataclass(frozen=True, slots=True)
class Shape:
    """One layer: top-1 of `experts`, hidden size, an expert's inner size."""

    experts: int
    hidden: int
    inner: int


SHAPES = {"scout": Shape(16, 5120, 8192), "maverick": Shape(128, 5120, 8192)}


@dataclass(frozen=True, slots=True)
class Tuned:
    """`seconds` with the best tiling, `default_seconds` with the default one; `tried` tilings, of
    which `refused` could not run or were wrong."""

    tiling: Tiling
    seconds: float
    default_seconds: float
    tried: int
    refused: int


def tune(counts: Sequence[int], measure: Measure, *, overlap: bool) -> Iterator[Tuned]:
    """The best tiling for each number of tokens, as it is found. `overlap`: the card knows it.

    Raises ValueError: the default tiling does not run.
    """
    for count in sorted(set(counts)):
        start = replace(tiling_for(count), most_tokens=count)
        first = measure(count, start)
        if first is None:
            raise ValueError(f"The default tiling does not run with {count} tokens.")
        best, refused, tried = (first, start), 0, 1
        for change in _changes(count, overlap):
            for tiling in change(best[1]):
                seconds = measure(count, tiling)
                tried += 1
                refused += seconds is None
                if seconds is not None and seconds < GAIN * best[0]:
                    best = (seconds, tiling)
        yield Tuned(best[1], best[0], first, tried, refused)


def table_of(tuned: Sequence[Tuned]) -> Sequence[Tiling]:
    """One entry for each run of equal tilings; the last goes on without an end."""
    table: list[Tiling] = []
    for one in tuned:
        if table and replace(table[-1], most_tokens=one.tiling.most_tokens) == one.tiling:
            table.pop()
        table.append(one.tiling)
    return (*table[:-1], replace(table[-1], most_tokens=ANY_NUMBER))


def _changes(count: int, overlap: bool) -> Sequence[Callable[[Tiling], Sequence[Tiling]]]:
    cuts = _cuts(count)
    splits = (1, 2, 3, 4, 6, 8) if count <= 128 else (1,)
    halves = (1, 2, 3, 4) if count <= 4 else (1,)  # its programs are many, and its sums long
    flags = (True, False)
    return (
        lambda best: [replace(best, gate_up=cut) for cut in cuts],
        lambda best: [replace(best, gate_up=replace(best.gate_up, splits=one)) for one in halves],
        lambda best: [replace(best, down=replace(best.down, splits=one)) for one in splits],
        lambda best: [replace(best, down=replace(one, splits=best.down.splits)) for one in cuts],
        lambda best: [replace(best, direct=one) for one in flags if count <= 128],
        lambda best: [replace(best, overlap=one) for one in flags if overlap],
    )


def _cuts(count: int) -> Sequence[Cut]:
    """Tiles no wider than the tokens: a wider one would be empty for the most part."""
    wide = [one for one in (16, 32, 64, 128) if one <= max(16, count)]
    stages = (3, 4, 6, 8) if count <= 128 else (2, 3, 4)
    return [
        Cut(rows, tokens, warps=warps, stages=depth)
        for tokens in wide
        for rows, warps in ((64, 4), (128, 4), (128, 8), (256, 8))
        for depth in stages
    ]


def tune_card(
    card: str,
    folder: Path,
    measure: Measure,
    say: Callable[[str], None],
    *,
    counts: Sequence[int],
    origin: str,
    overlap: bool,
) -> Path:
    """Tune, say how it went, and write the card's file into `folder`. See `tune` for errors.

    It is written after each number of tokens, and for larger ones keeps what was there before, so
    that what was found stays where the rest is broken off.
    """
    found: list[Tuned] = []
    path, before = table_path(folder, card), table_for(card, folder)
    for one in tune(counts or TOKENS, measure, overlap=overlap):
        say(_line(one))
        found.append(one)
        larger = [it for it in before if it.most_tokens > one.tiling.most_tokens]
        so_far = (*(it.tiling for it in found), *larger)
        write_table(path, CardTable(card, origin, so_far))
    write_table(path, CardTable(card, origin, table_of(found)))
    return path


def tune_this_card(
    shape: str, folder: Path, say: Callable[[str], None], counts: Sequence[int] = ()
) -> Path:
    """On the current CUDA device. `shape`: of SHAPES; `counts`: numbers of tokens, else TOKENS."""
    card = torch.cuda.get_device_name()
    versions = f"torch {torch.__version__}, Triton {triton.__version__}"
    return tune_card(
        card,
        folder,
        Bench(SHAPES[shape], "cuda").seconds,
        say,
        counts=counts,
        origin=f"Measured on this card: int4 experts of {shape.capitalize()}'s shape, {versions}.",
        overlap=torch.cuda.get_device_capability() >= (9, 0),
    )


def _line(found: Tuned) -> str:
    cuts = (found.tiling.gate_up, found.tiling.down)
    words = ", ".join(
        f"{name} {cut.rows}x{cut.tokens} in {cut.splits} splits of {cut.warps} warps, "
        f"{cut.stages} stages"
        for name, cut in zip(("gate_up", "down"), cuts, strict=True)
    )
    flags = [name for name in ("direct", "overlap") if getattr(found.tiling, name)]
    return (
        f"{found.tiling.most_tokens:>5} tokens: {found.seconds * 1e6:,.1f} µs (default "
        f"{found.default_seconds * 1e6:,.1f} µs; {found.tried} tried, {found.refused} refused): "
        f"{words}{''.join(f', {one}' for one in flags)}"
    )


class Bench:
    """Measures tilings on random int4 experts of a shape; each must give the default's result."""

    def __init__(self, shape: Shape, device: str, timer: Timer = replayed) -> None:
        self._shape, self._device, self._timer = shape, device, timer
        self._dtype = torch.bfloat16 if device == "cuda" else torch.float32
        self._copies = [random_experts(shape, device, seed) for seed in range(_COPIES)]

    def seconds(self, tokens: int, tiling: Tiling) -> float | None:
        """See Measure. Tokens are routed uniformly, and otherwise in each run."""
        # Fresh ones each time: memory that is handed out again holds what others computed.
        x = torch.randn(tokens, self._shape.hidden).to(self._device, self._dtype)
        weights = torch.rand(tokens, 1).to(self._device)
        runs = [
            partial(routed_experts, x, self._copies[number % _COPIES], weights, ids)
            for number, ids in enumerate(self._ids(tokens))
        ]
        wanted = runs[0](tiling_for(tokens))
        try:
            if not _near(runs[0](tiling), wanted):
                return None
            return self._timer([partial(run, tiling) for run in runs])
        except (TritonError, RuntimeError):
            # Too much shared memory, too many registers, or refused by the compiler or the driver.
            return None

    def _ids(self, count: int) -> Sequence[torch.Tensor]:
        generator = torch.Generator().manual_seed(count)
        experts = self._shape.experts
        ids = torch.randint(0, experts, (count, 1), generator=generator)
        return [((ids + number) % experts).to(self._device) for number in range(_RUNS)]


def _near(found: torch.Tensor, wanted: torch.Tensor) -> bool:
    """False also where there is a NaN."""
    gap = (found.double() - wanted.double()).norm()
    return bool(gap <= _BOUND * wanted.double().norm())


def random_experts(shape: Shape, device: str, seed: int) -> Experts:
    """int4 of random codes, made as tiles: as whole matrices they would need eight times that."""
    generator = torch.Generator(device).manual_seed(seed)

    def matrix(rows: int, columns: int) -> ExpertMatrix:
        size = shape.experts, -(-rows // TILE_ROWS), -(-columns // GROUP), TILE_ROWS
        words = torch.randint(
            -(1 << 31), 1 << 31, (*size, 16), dtype=torch.int32, device=device, generator=generator
        )
        scales = torch.rand(size, device=device, generator=generator) * columns**-0.5
        return ExpertMatrix(words, scales.bfloat16(), None, "int4", rows, columns)

    w13 = matrix(2 * shape.inner, shape.hidden)
    return Experts(w13, matrix(shape.hidden, shape.inner), shape.inner)
