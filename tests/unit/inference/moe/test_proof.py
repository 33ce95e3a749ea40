"""What the workers say of their experts is held against what was asked for."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from structlog.testing import capture_logs

from inference.errors import EngineUnavailable
from inference.moe.proof import (
    STOCK_WARNING,
    ExpertLayer,
    ExpertsNotProven,
    prove,
    require_ours,
    said,
)

GIB = 1 << 30
OURS = ExpertLayer(
    name="model.layers.0.feed_forward.experts",
    method="OutriderCompressedTensorsMoEMethod",
    path="custom",
    tiles=True,
    reason="",
    calls=1,
    seconds=0.5,
    loaded_bytes=GIB,
    tiles_bytes=GIB,
    beside_bytes=GIB // 2,
)
STOCK = replace(OURS, path="", method="CompressedTensorsWNA16MoEMethod", tiles=False, calls=0)
STOCK = replace(STOCK, seconds=0.0, loaded_bytes=0, tiles_bytes=0, beside_bytes=0)


def layers(count: int, like: ExpertLayer = OURS, first: int = 0) -> list[ExpertLayer]:
    names = [f"model.layers.{first + one}.feed_forward.experts" for one in range(count)]
    return [replace(like, name=name) for name in names]


class Workers:
    """vLLM's side of the question."""

    def __init__(self, *workers: list[ExpertLayer]) -> None:
        self._workers = workers

    async def collective_rpc(self, method: str) -> list[list[dict[str, object]]]:
        assert method == "outrider_experts"
        return [[asdict(layer) for layer in worker] for worker in self._workers]


class SilentWorkers:
    async def collective_rpc(self, method: str) -> None:
        raise TimeoutError


async def test_layers_that_all_run_ours_are_one_line():
    line = await prove("custom", Workers(layers(48)))
    assert line == (
        "48 of 48 expert layers run Outrider's kernels; "
        "repacked from 48.0 to 48.0 GiB in 24.0 s, with at most 0.5 GiB beside."
    )


async def test_a_layer_that_several_cards_share_is_counted_once():
    line = await prove("custom", Workers(layers(24), layers(24)))
    assert line.startswith("24 of 24 expert layers run Outrider's kernels")


async def test_layers_of_a_pipelines_parts_are_added_up():
    line = await prove("custom", Workers(layers(12), layers(12, first=12)))
    assert line.startswith("24 of 24 expert layers")


async def test_a_model_without_experts_has_nothing_to_prove():
    assert await prove("custom", Workers([], [])) == ""


async def test_workers_that_say_nothing_are_an_error():
    with pytest.raises(EngineUnavailable, match="who computes"):
        await prove("custom", SilentWorkers())


@pytest.mark.parametrize("asked", ["custom", "naive", "triton"])
async def test_vllms_own_layer_in_place_of_ours_is_named(asked):
    workers = Workers([*layers(2), replace(STOCK, name="model.layers.2.feed_forward.experts")])
    with pytest.raises(ExpertsNotProven) as refused:
        await prove(asked, workers)
    assert str(refused.value) == (
        f"1 of 3 expert layers don't run what OUTRIDER_ENGINE__MOE={asked} asks for. "
        "model.layers.2.feed_forward.experts of worker 0: vLLM's own layer is there, with "
        "CompressedTensorsWNA16MoEMethod: our plugin did not replace it. Install Outrider where "
        "vLLM's processes run, in the same version, or set OUTRIDER_ENGINE__MOE=stock to go "
        "without."
    )


def test_a_layer_that_was_never_called_is_named_with_its_worker():
    silent = replace(OURS, calls=0)
    with pytest.raises(ExpertsNotProven, match=r"experts of worker 1: Outrider.* was not called"):
        require_ours("custom", [[OURS], [silent]])


def test_of_many_layers_with_one_fault_a_few_are_named():
    with pytest.raises(ExpertsNotProven) as refused:
        require_ours("custom", [layers(48, STOCK)])
    assert "and 45 more: vLLM's own layer" in str(refused.value)
    assert len(str(refused.value)) < 500


async def test_stock_needs_no_proof_and_is_warned_of():
    with capture_logs() as logs:
        line = await prove("stock", Workers(layers(3, STOCK)))
    assert line == "3 of 3 expert layers run vLLM's own experts."
    (warning,) = [one for one in logs if one["log_level"] == "warning"]
    assert warning["warning"] == STOCK_WARNING


def test_a_layer_that_fell_back_is_said_with_its_reason():
    other = replace(STOCK, name="model.layers.9.experts", path="triton", calls=1)
    other = replace(other, reason="experts with biases")
    assert said("custom", [[*layers(2), other]]).startswith(
        "2 of 3 expert layers run Outrider's kernels; 1 of 3 expert layers run vLLM's Triton "
        "experts, weighted once (model.layers.9.experts: custom does not know experts with biases)"
    )


def test_what_computes_on_a_cpu_is_said_as_it_is():
    plain = replace(STOCK, path="custom", calls=1)
    assert said("custom", [[plain]]) == "1 of 1 expert layers run Outrider's experts in torch."
    naive = replace(plain, path="naive")
    assert said("naive", [[naive]]) == "1 of 1 expert layers run Outrider's naive experts."
