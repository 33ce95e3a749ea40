"""The plain mixture of experts in torch: the truth that every other kernel answers to.

In float64 it is exact to about 1e-15; weights that are not plain are dequantized in the dtype of
their scales, so give it scales in float64 then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch.nn.functional import linear, silu

from inference.kernels.moe.fp8 import Fp8Weights
from inference.kernels.moe.int4 import Int4Weights

# (E, N, K): `weights[e]` is an expert's plain matrix.
ExpertWeights: TypeAlias = torch.Tensor | Int4Weights | Fp8Weights
Rounding: TypeAlias = Callable[[torch.Tensor], torch.Tensor]


def naive_layer(
    hidden_states: torch.Tensor,
    router: torch.Tensor,
    w13: ExpertWeights,
    w2: ExpertWeights,
    shared_w13: torch.Tensor,
    shared_w2: torch.Tensor,
) -> torch.Tensor:
    """A whole mixture-of-experts layer of Llama 4: router, routed experts, shared expert.

    Computes:  out[t] = routed expert of (s[t] * x[t]) + shared expert of x[t],
               s = sigmoid of the largest router logit, whose expert is the routed one
    Args:      hidden_states: (T, H); router: (E, H); shared_w13: (2J, H), the gate's rows first;
               shared_w2: (H, J); w13, w2: see naive_moe; all of one float dtype
    Returns:   (T, H), dtype of hidden_states
    """
    topk_weights, topk_ids = top_1(linear(hidden_states, router))
    routed = naive_moe(
        hidden_states, w13, w2, topk_weights, topk_ids, apply_router_weight_on_input=True
    )
    return routed + _swiglu(hidden_states, shared_w13, shared_w2)


def top_1(router_logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The router's weight and expert of each token, (T, 1) each, from its logits (T, E).

    The sigmoid is taken in float32 (float64 stays): in BF16 it would lose half its digits.
    """
    largest, ids = router_logits.topk(1, dim=1)
    exact = largest if largest.dtype == torch.float64 else largest.float()
    return exact.sigmoid(), ids


def naive_moe(
    hidden_states: torch.Tensor,
    w13: ExpertWeights,
    w2: ExpertWeights,
    topk_weights: torch.Tensor,
    topk_ids: torch.Tensor,
    *,
    apply_router_weight_on_input: bool,
    round_inputs: Rounding | None = None,
) -> torch.Tensor:
    """Send each token through its experts, weighting it exactly once.

    Computes:  out[t] = sum_k w2[e] · (silu(g) * u),  g, u = split(w13[e] · (s[t, k] * x[t]))
               with the weight s on the input, else on the expert's output
    Args:      hidden_states: (T, H), row-major, any float dtype
               w13: (E, 2I, H), the gate's rows first; w2: (E, H, I); both in that dtype,
               or int4 or FP8 with scales of that dtype
               topk_weights: (T, K) float; topk_ids: (T, K) integer; one outside [0, E) is an
               expert of another rank, and adds nothing
               round_inputs: what a kernel of quantized inputs does to what it multiplies, for
               both halves (`fp8.rounded_per_token`); None: nothing
    Returns:   (T, H), dtype of hidden_states
    Cost:      6 · T · K · H · I FLOPs; 3 · H · I weights read for each distinct expert
    """
    tokens, top_k = topk_ids.shape
    weights = topk_weights.reshape(-1, 1).to(hidden_states.dtype)  # [T·K, 1]
    x = hidden_states.repeat_interleave(top_k, 0) if top_k > 1 else hidden_states
    if apply_router_weight_on_input:
        x = x * weights
    y = _by_expert(x, w13, w2, topk_ids.reshape(-1), round_inputs)  # [T·K, H]
    if not apply_router_weight_on_input:
        y = y * weights
    return y.view(tokens, top_k, -1).sum(1) if top_k > 1 else y


def _by_expert(
    x: torch.Tensor,
    w13: ExpertWeights,
    w2: ExpertWeights,
    ids: torch.Tensor,
    rounding: Rounding | None,
) -> torch.Tensor:
    """Each row of x (N, H) through its expert (N,): the rows sorted, one pass per expert."""
    out = torch.zeros_like(x)
    experts = torch.where((ids >= 0) & (ids < len(w13)), ids, len(w13))
    if len(x) == 1:  # decoding one stream: nothing to sort
        expert = int(experts)
        return out if expert == len(w13) else _swiglu(x, w13[expert], w2[expert], rounding)
    counts = torch.bincount(experts, minlength=len(w13) + 1).tolist()
    order = experts.argsort(stable=True)
    for expert, rows in enumerate(order.split(counts)[:-1]):
        if len(rows):
            out[rows] = _swiglu(x[rows], w13[expert], w2[expert], rounding)
    return out


def _swiglu(
    x: torch.Tensor, w13: torch.Tensor, w2: torch.Tensor, rounding: Rounding | None = None
) -> torch.Tensor:
    gate, up = linear(rounding(x) if rounding else x, w13).chunk(2, dim=1)  # [n, I] each
    act = silu(gate) * up
    return linear(rounding(act) if rounding else act, w2)  # [n, H]
