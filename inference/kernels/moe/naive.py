"""The plain mixture of experts in torch: the truth that every other kernel answers to."""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch.nn.functional import linear, silu

from inference.kernels.moe.int4 import Int4Weights

# (E, N, K): `weights[e]` is an expert's plain matrix.
ExpertWeights: TypeAlias = torch.Tensor | Int4Weights


def naive_moe(
    hidden_states: torch.Tensor,
    w13: ExpertWeights,
    w2: ExpertWeights,
    topk_weights: torch.Tensor,
    topk_ids: torch.Tensor,
    *,
    apply_router_weight_on_input: bool,
) -> torch.Tensor:
    """Send each token through its experts, weighting it exactly once.

    Computes:  out[t] = sum_k w2[e] · (silu(g) * u),  g, u = split(w13[e] · (s[t, k] * x[t]))
               with the weight s on the input, else on the expert's output
    Args:      hidden_states: (T, H), row-major, any float dtype
               w13: (E, 2I, H), the gate's rows first; w2: (E, H, I); both in that dtype,
               or int4 with scales of that dtype
               topk_weights: (T, K) float; topk_ids: (T, K) integer in [0, E)
    Returns:   (T, H), dtype of hidden_states
    Cost:      6 · T · K · H · I FLOPs; 3 · H · I weights read for each distinct expert
    """
    tokens, top_k = topk_ids.shape
    weights = topk_weights.reshape(-1, 1).to(hidden_states.dtype)  # [T·K, 1]
    x = hidden_states.repeat_interleave(top_k, 0) if top_k > 1 else hidden_states
    if apply_router_weight_on_input:
        x = x * weights
    y = _by_expert(x, w13, w2, topk_ids.reshape(-1))  # [T·K, H]
    if not apply_router_weight_on_input:
        y = y * weights
    return y.view(tokens, top_k, -1).sum(1) if top_k > 1 else y


def _by_expert(
    x: torch.Tensor, w13: ExpertWeights, w2: ExpertWeights, experts: torch.Tensor
) -> torch.Tensor:
    """Each row of x (N, H) through its expert (N,): the rows sorted, one pass per expert."""
    if len(x) == 1:  # decoding one stream: nothing to sort
        expert = int(experts)
        return _swiglu(x, w13[expert], w2[expert])
    counts = torch.bincount(experts, minlength=len(w13)).tolist()
    order = experts.argsort(stable=True)
    sorted_x = x[order]
    parts = [
        _swiglu(rows, w13[expert], w2[expert])
        for expert, rows in enumerate(sorted_x.split(counts))
        if len(rows)
    ]
    if not parts:
        return torch.empty_like(x)
    out = torch.empty_like(x)
    out[order] = torch.cat(parts)
    return out


def _swiglu(x: torch.Tensor, w13: torch.Tensor, w2: torch.Tensor) -> torch.Tensor:
    gate, up = linear(x, w13).chunk(2, dim=1)  # [n, I] each
    return linear(silu(gate) * up, w2)  # [n, H]
