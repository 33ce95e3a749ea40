"""Tokens in blocks of one expert each, as vLLM's kernels want them."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Aligned:
    """All int32. `tokens`: those of each expert, filled up to whole blocks with T, which is no
    token; `experts`: of each block; `padded` (1,): how many of `tokens` count."""

    tokens: torch.Tensor
    experts: torch.Tensor
    padded: torch.Tensor


def room(tokens: int, experts: int, block: int) -> int:
    """How many places there may be at most."""
    most = tokens + experts * (block - 1)
    return min(tokens * block, most) if tokens < experts else most


def aligned(ids: torch.Tensor, experts: int, block: int) -> Aligned:
    flat = ids.flatten().long().cpu()
    places = torch.full((room(len(flat), experts, block),), len(flat), dtype=torch.int32)
    owners = torch.zeros(-(-len(places) // block), dtype=torch.int32)
    end = 0
    for expert in flat.unique().tolist():
        mine = (flat == expert).nonzero().flatten().int()
        blocks = -(-len(mine) // block)
        places[end : end + len(mine)] = mine
        owners[end // block : end // block + blocks] = expert
        end += blocks * block
    padded = torch.tensor([end], dtype=torch.int32)
    return Aligned(*(one.to(ids.device) for one in (places, owners, padded)))
