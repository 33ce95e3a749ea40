"""Who computes the layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import torch

from tests.benchmarks.moe import grouped, marlin, ours, vllm_triton
from tests.benchmarks.moe.weights import Weights


class Ready(Protocol):
    """A layer whose weights lie as this provider wants them.

    It takes x (T, H), the router's weights (T, 1) and ids (T, 1), and gives a call that can be
    captured in a CUDA graph and returns (T, H). Raises NotThere, or whatever the provider raises.
    """

    def __call__(
        self, x: torch.Tensor, weights: torch.Tensor, ids: torch.Tensor
    ) -> Callable[[], torch.Tensor]: ...


@dataclass(frozen=True, slots=True)
class Provider:
    """`form`: int4, fp8 or bf16, of the weights that it reads."""

    name: str
    form: str
    ready: Callable[[Weights], Ready]

    @property
    def label(self) -> str:
        return f"{self.name} {self.form}"


@dataclass(frozen=True, slots=True)
class Where:
    """`marlin`: vLLM's compiled library; `vllm`: its package's folder, else the installed one's;
    `tuned`: the folder of our tuned tables, else the shipped ones."""

    marlin: Path | None = None
    vllm: Path | None = None
    tuned: Path | None = None


def all_providers(where: Where) -> Sequence[Provider]:
    """Ours first."""
    return (
        Provider("ours", "int4", partial(ours.ready, "int4", where.tuned)),
        Provider("ours", "fp8", partial(ours.ready, "fp8", where.tuned)),
        Provider("ours", "bf16", partial(ours.ready, "bf16", where.tuned)),
        Provider("Marlin", "int4", partial(marlin.ready, where.marlin)),
        Provider("vLLM Triton", "int4", partial(vllm_triton.ready, where.vllm)),
        Provider("torch grouped", "bf16", grouped.ready),
    )
