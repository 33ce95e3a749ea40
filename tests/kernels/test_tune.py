"""Tuning: the search, the bench on real kernels of tiny layers, and the file that comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch

from inference.kernels.moe.tables import read_table, table_for
from inference.kernels.moe.tiling import ANY_NUMBER, DEFAULT, Cut, Tiling, tiling_for
from inference.kernels.moe.tune import (
    Bench,
    Shape,
    Tuned,
    random_experts,
    table_of,
    tune,
    tune_card,
)

TINY = Shape(experts=2, hidden=128, inner=32)
CARD = "a card of the tests"


def cost(count: int, tiling: Tiling) -> float:
    """Best where 3 splits, 6 stages for gate and up, 3 for down, and direct routing are chosen."""
    far = abs(tiling.down.splits - 3) + abs(tiling.gate_up.stages - 6)
    far += abs(tiling.down.stages - 3) + (tiling.gate_up.rows + tiling.down.rows) // 64
    return (1 + far + (not tiling.direct) + tiling.overlap) * 1e-6 * count


def test_the_search_finds_the_best_of_what_it_measures() -> None:
    (found,) = tune([16], cost, overlap=True)
    assert found.tiling == Tiling(
        16, Cut(64, 16, stages=6), Cut(64, 16, splits=3, stages=3), direct=True
    )
    assert found.seconds == cost(16, found.tiling)
    assert found.default_seconds == cost(16, tiling_for(16))
    assert found.tried > 30 and found.refused == 0


def test_overlapping_launches_are_tried_where_the_card_knows_them() -> None:
    def faster(count: int, tiling: Tiling) -> float:
        return 1.0 - 0.5 * tiling.overlap

    assert next(tune([1], faster, overlap=True)).tiling.overlap
    assert not next(tune([1], faster, overlap=False)).tiling.overlap


def test_what_cannot_run_is_never_chosen_and_noise_changes_nothing() -> None:
    def measured(count: int, tiling: Tiling) -> float | None:
        if tiling.gate_up.stages == 6:
            return None
        return 1.0 - 0.01 * (tiling.gate_up.stages == 8)

    (found,) = tune([4], measured, overlap=False)
    assert found.refused > 0
    assert found.tiling == replace(tiling_for(4), most_tokens=4)


def test_where_the_default_tiling_does_not_run_tuning_says_so() -> None:
    with pytest.raises(ValueError, match="does not run with 2 tokens"):
        list(tune([2], lambda count, tiling: None, overlap=False))


def tuned(most: int, stages: int) -> Tuned:
    return Tuned(Tiling(most, Cut(stages=stages), Cut()), 1.0, 1.0, 1, 0)


def test_equal_neighbours_become_one_and_the_last_goes_on() -> None:
    table = table_of([tuned(1, 3), tuned(2, 3), tuned(4, 5), tuned(8, 3)])
    assert [(one.most_tokens, one.gate_up.stages) for one in table] == [
        (2, 3),
        (4, 5),
        (ANY_NUMBER, 3),
    ]


@dataclass
class ByStages:
    """A timer that runs what it is given, and finds the latest bench's third run the fastest."""

    results: list[torch.Tensor] = field(default_factory=list)
    calls: int = 0

    def __call__(self, runs: Sequence[Callable[[], object]]) -> float:
        self.calls += 1
        for run in runs[:2]:
            result = run()
            assert isinstance(result, torch.Tensor)
            self.results.append(result)
        return 1.0 if self.calls != 3 else 0.5


def test_a_bench_runs_the_kernels_and_the_file_says_what_was_fastest(tmp_path: Path) -> None:
    timer = ByStages()
    bench = Bench(TINY, "cpu", timer)
    said: list[str] = []
    measured: list[Tiling] = []

    def measure(count: int, tiling: Tiling) -> float | None:
        if len(measured) >= 4:  # the interpreter is slow: the rest of the search finds nothing
            return None
        measured.append(tiling)
        return bench.seconds(count, tiling)

    path = tune_card(
        CARD, tmp_path, measure, said.append, counts=(3,), origin="a test", overlap=False
    )
    assert all(one.isfinite().all() and one.shape == (3, 128) for one in timer.results)
    assert not torch.equal(timer.results[0], timer.results[1])  # other experts, other ids
    assert len(timer.results) == 2 * len(measured)
    written = read_table(path, CARD)
    assert written.origin == "a test"
    assert written.tilings == (replace(measured[2], most_tokens=ANY_NUMBER),)
    assert table_for(CARD, tmp_path) == written.tilings != DEFAULT
    (line,) = said
    assert line.strip().startswith("3 tokens: 500,000.0 µs (default 1,000,000.0 µs;")


def test_a_tiling_whose_result_is_wrong_is_refused() -> None:
    """Its weights are changed behind the default's back: the two differ, and it is not timed."""
    timer = ByStages()
    bench = Bench(TINY, "cpu", timer)
    other = random_experts(TINY, "cpu", seed=9)

    class Turncoat(Tiling):
        """Computes rightly, but for this test's spoiling what it reads."""

        def routes_directly(self, tokens: int) -> bool:
            bench._copies[0].w13.tiles.copy_(other.w13.tiles)
            return super().routes_directly(tokens)

    assert bench.seconds(2, Tiling(2, Cut(), Cut())) is not None
    assert bench.seconds(2, Turncoat(2, Cut(), Cut())) is None
    assert timer.calls == 1


def test_a_tiling_that_the_driver_refuses_is_refused() -> None:
    class TooLarge(Tiling):
        def routes_directly(self, tokens: int) -> bool:
            raise RuntimeError("Triton Error [CUDA]: out of resource")

    bench = Bench(TINY, "cpu", ByStages())
    assert bench.seconds(2, TooLarge(2, Cut(), Cut())) is None


def test_what_was_found_stays_where_tuning_is_broken_off(tmp_path: Path) -> None:
    def measure(count: int, tiling: Tiling) -> float | None:
        return None if count == 32 else cost(count, tiling)

    with pytest.raises(ValueError, match="does not run with 32 tokens"):
        tune_card(CARD, tmp_path, measure, print, counts=(4, 32), origin="a test", overlap=False)
    first, *larger = table_for(CARD, tmp_path)
    assert (first.most_tokens, first.down.splits) == (4, 3)
    assert larger == list(DEFAULT)


def test_where_all_is_tuned_the_last_tiling_is_for_any_number(tmp_path: Path) -> None:
    tune_card(CARD, tmp_path, cost, print, counts=(4, 32), origin="a test", overlap=False)
    assert [one.most_tokens for one in table_for(CARD, tmp_path)][-1] == ANY_NUMBER
    assert DEFAULT[-1] not in table_for(CARD, tmp_path)
