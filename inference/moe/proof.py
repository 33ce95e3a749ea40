"""The proof at the start: each layer of experts runs what the setting `moe` asks for.

Told by the workers themselves after a first answer, so what their devices counted is what ran, in
a CUDA graph as well. Nothing here imports vLLM: it is handed over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import structlog

from inference.errors import EngineError, EngineUnavailable
from inference.settings import MoePath

ASK_SECONDS = 30.0  # vLLM waits for ever for a worker that says nothing
_NAMED = 3  # so many layers stand in a sentence by their names
_GIB = 1 << 30
_VLLMS = "vLLM's own experts"

STOCK_WARNING = (
    "OUTRIDER_ENGINE__MOE=stock leaves the experts to vLLM. As its source reads, its default for "
    "W4A16 on Hopper multiplies Llama 4's router weight into the experts' input twice, and answers "
    "are wrong then: choose custom where answers matter."
)

_log = structlog.get_logger()


class ExpertsNotProven(EngineError):
    code = "experts_not_proven"


@dataclass(frozen=True, slots=True)
class ExpertLayer:
    """One worker's layer. `method` is the class of its quantization method; `path` "" where vLLM's
    own layer stands in place of ours; `calls` since the start's own. `seconds` and bytes are of the
    repacking, 0 without one."""

    name: str
    method: str
    path: str
    tiles: bool
    reason: str
    calls: int
    seconds: float = 0.0
    loaded_bytes: int = 0
    tiles_bytes: int = 0
    beside_bytes: int = 0

    @property
    def what(self) -> str:
        """Who computes it, in words."""
        if self.path == "custom":
            return "Outrider's kernels" if self.tiles else "Outrider's experts in torch"
        if self.path == "naive":
            return "Outrider's naive experts"
        return "vLLM's Triton experts, weighted once" if self.path == "triton" else _VLLMS


async def prove(asked: MoePath, llm: Any) -> str:
    """Ask the workers of vLLM's AsyncLLM; a line on what computes, "" for a model without experts.

    Raises ExpertsNotProven, EngineUnavailable.
    """
    try:
        async with asyncio.timeout(ASK_SECONDS):
            workers = await llm.collective_rpc("outrider_experts")
    except TimeoutError as error:
        raise EngineUnavailable("A worker of vLLM's did not say who computes.") from error
    layers = [[ExpertLayer(**one) for one in worker] for worker in workers]
    if not any(layers):
        return ""
    if asked == "stock":
        _log.warning("experts_of_vllm", warning=STOCK_WARNING)
    else:
        require_ours(asked, layers)
    line = said(asked, layers)
    _log.info("experts", line=line)
    return line


def require_ours(asked: MoePath, workers: Sequence[Sequence[ExpertLayer]]) -> None:
    """Raises ExpertsNotProven, which names the layers and what is wrong with them."""
    wrong: dict[str, list[str]] = {}
    for worker, layers in enumerate(workers):
        for layer in layers:
            if fault := _fault(layer):
                wrong.setdefault(fault, []).append(f"{layer.name} of worker {worker}")
    if not wrong:
        return
    faults = "; ".join(f"{_some(names)}: {fault}" for fault, names in wrong.items())
    count, all_of_them = sum(map(len, wrong.values())), sum(map(len, workers))
    raise ExpertsNotProven(
        f"{count} of {all_of_them} expert layers don't run what OUTRIDER_ENGINE__MOE={asked} asks "
        f"for. {faults}. Install Outrider where vLLM's processes run, in the same version, or set "
        "OUTRIDER_ENGINE__MOE=stock to go without."
    )


def _fault(layer: ExpertLayer) -> str:
    if not layer.path:
        return f"vLLM's own layer is there, with {layer.method}: our plugin did not replace it"
    if not layer.calls:
        return f"{layer.method} was not called for the first answer"
    return ""


def said(asked: MoePath, workers: Sequence[Sequence[ExpertLayer]]) -> str:
    """ "48 of 48 expert layers run Outrider's kernels …", fallbacks and repacking included.

    A layer that several workers share is counted once.
    """
    layers = {layer.name: layer for worker in workers for layer in worker}.values()
    kinds = [(kind, list(ones)) for kind, ones in groupby(sorted(layers, key=_kind), key=_kind)]
    kinds.sort(key=lambda kind: -len(kind[1]))
    lines = [
        f"{len(ones)} of {len(layers)} expert layers run {ones[0].what}" + _because(asked, ones)
        for _, ones in kinds
    ]
    return "; ".join([*lines, *_repacked(workers)]) + "."


def _kind(layer: ExpertLayer) -> tuple[str, str]:
    return layer.what, layer.reason


def _because(asked: MoePath, layers: Sequence[ExpertLayer]) -> str:
    if not layers[0].reason:
        return ""
    return f" ({_some([one.name for one in layers])}: {asked} does not know {layers[0].reason})"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


def _repacked(workers: Iterable[Sequence[ExpertLayer]]) -> list[str]:
    """Of the worker that took longest."""
    slowest = max(workers, key=lambda layers: sum(one.seconds for one in layers))
    seconds = sum(one.seconds for one in slowest)
    if not seconds:
        return []
    loaded = sum(one.loaded_bytes for one in slowest) / _GIB
    tiles = sum(one.tiles_bytes for one in slowest) / _GIB
    beside = max(one.beside_bytes for one in slowest) / _GIB
    most = f", with at most {beside:.1f} GiB beside" if beside else ""
    return [f"repacked from {loaded:.1f} to {tiles:.1f} GiB in {seconds:.1f} s{most}"]
