"""Tokens in the order of their experts, by one small kernel and without the host."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl

_BLOCK = 64


@dataclass(frozen=True, slots=True)
class Routing:
    """`order` (T,) int32: tokens, those of expert 0 first, each expert's in their own order, those
    of no expert here last; `offsets` (E + 2,) int32: where each one's begin in `order`, then T."""

    order: torch.Tensor
    offsets: torch.Tensor


def route(topk_ids: torch.Tensor, experts: int) -> Routing:
    """Sort tokens by their one expert, stably.

    Computes:  order = stable argsort of the ids, offsets = how many come before each expert
    Args:      topk_ids: (T, 1) or (T,) integer; outside [0, experts): an expert of another rank
    Returns:   a Routing, on the device of topk_ids
    Cost:      one program; T/64 steps over a (64, E) table
    Numerics:  exact
    """
    tokens = topk_ids.shape[0]
    order = torch.empty(tokens, dtype=torch.int32, device=topk_ids.device)
    offsets = torch.empty(experts + 2, dtype=torch.int32, device=topk_ids.device)
    _sort_kernel[(1,)](
        topk_ids, order, offsets, tokens, experts, triton.next_power_of_2(experts + 1), _BLOCK
    )
    return Routing(order, offsets)


@triton.jit
def expert_or_none(ids, there, experts):
    """The experts that are chosen there: `experts` for one of another rank, -1 where not there."""
    chosen = tl.load(ids, mask=there, other=-1)
    inside = (chosen >= 0) & (chosen < experts)  # before it is cut to 32 bits
    return tl.where(there, tl.where(inside, chosen, experts), -1).to(tl.int32)


@triton.jit
def _sort_kernel(
    ids,  # [T]
    order,  # [T]
    offsets,  # [E + 2]
    tokens,
    experts,
    E: tl.constexpr,  # power of two, over the number of experts: `experts` stands for none
    BLOCK: tl.constexpr,
):
    lanes = tl.arange(0, BLOCK)
    expert = tl.arange(0, E)
    counts = tl.zeros([E], tl.int32)
    for start in range(0, tokens, BLOCK):
        here = start + lanes < tokens
        chosen = expert_or_none(ids + start + lanes, here, experts)
        counts += tl.sum((chosen[:, None] == expert[None, :]).to(tl.int32), axis=0)
    before = tl.cumsum(counts, axis=0) - counts  # [E]
    tl.store(offsets + expert, before, mask=expert <= experts)
    tl.store(offsets + experts + 1, tokens)
    for start in range(0, tokens, BLOCK):
        here = start + lanes < tokens
        chosen = expert_or_none(ids + start + lanes, here, experts)
        mine = (chosen[:, None] == expert[None, :]).to(tl.int32)  # [BLOCK, E]
        rank = tl.cumsum(mine, axis=0) - mine  # how many of this block come before, per expert
        place = tl.sum(mine * (before[None, :] + rank), axis=1)
        tl.store(order + place, (start + lanes).to(tl.int32), mask=here)
        before += tl.sum(mine, axis=0)
