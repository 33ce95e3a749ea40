"""What a card needs beside weights and cache, before vLLM deals the rest out as cache.

    activations   the largest step's tensors: computed here
    images        what the vision tower makes of the largest image: computed here
    graphs        CUDA graphs: an allowance
    context       CUDA's context, libraries' workspaces, what fragments: an allowance

The two allowances are round figures, chosen so that a start is rather refused than killed in the
middle; nobody measured them for this model. vLLM measures all four at its start, and the log then
says how far the plan was off.
"""

from __future__ import annotations

from dataclasses import dataclass

from inference.plan.architecture import Architecture, Vision
from inference.plan.cards import GIB
from inference.plan.weights import Parallel

GRAPHS_BYTES = GIB * 3 // 4
CONTEXT_BYTES = GIB
MANY_CARDS_BYTES = GIB  # buffers of the cards' talk with each other
# Of each value of a row of logits: as BF16, as FP32, sorted with their places, as probabilities.
_LOGIT_BYTES = 24
_TILES = 17  # of the largest image: 16 and the whole
_LIVE = 6  # tensors as wide as the hidden state that live at once


@dataclass(frozen=True, slots=True)
class Reserve:
    """In bytes, on each card."""

    activations: int
    images: int
    graphs: int
    context: int

    @property
    def total(self) -> int:
        return self.activations + self.images + self.graphs + self.context


def reserve_for(
    model: Architecture,
    parallel: Parallel,
    *,
    step_tokens: int,
    sequences: int,
    graphs: bool,
    is_gpu: bool,
) -> Reserve:
    """`step_tokens`: the most of one step; `sequences`: the most that are decoded together."""
    outside = CONTEXT_BYTES + (MANY_CARDS_BYTES if parallel.cards > 1 else 0)
    return Reserve(
        activations=_step(model, parallel, step_tokens)
        + sequences * model.vocabulary * _LOGIT_BYTES,
        images=_tower(model.vision) if model.vision is not None else 0,
        graphs=GRAPHS_BYTES if graphs and is_gpu else 0,
        context=outside if is_gpu else 0,
    )


def _step(model: Architecture, parallel: Parallel, tokens: int) -> int:
    """The hidden states around a layer, and its widest pair: the MLPs' gate and up, and product."""
    widest = max(
        layer.intermediate if layer.experts is None else layer.experts.intermediate
        for layer in model.layers
    )
    branches = 2 if any(one.experts and one.experts.shared for one in model.layers) else 1
    qkv = (model.heads + 2 * model.kv_heads) * model.head_dim
    a_token = _LIVE * model.hidden + (qkv + branches * 3 * widest) // parallel.tensor
    return tokens * a_token * model.dtype_bytes


def _tower(vision: Vision) -> int:
    """In BF16, all tiles of one image at once, as vLLM tries it at its start."""
    tokens = _TILES * (vision.patches + 1)
    return tokens * (2 * vision.intermediate + _LIVE * vision.hidden) * 2
