"""The KV cache: how many bytes so many tokens of one conversation take on a card.

vLLM hands out blocks of `block_tokens` tokens, each for a group of layers. Without the hybrid cache
all layers are one group, and every token is kept in each. With it the local layers are groups of
their own, as large as the group of the global ones, and keep their window alone (and what a step
or two may add before it is settled): that is what makes a long context affordable.

Source: vllm/v1/core/kv_cache_utils.py (`_get_kv_cache_groups_uniform_page_size`),
v1/kv_cache_interface.py (`max_admission_blocks_per_request`) @ 0.32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from inference.plan.architecture import Architecture, Layer
from inference.plan.weights import Parallel, kv_heads_held, stages


@dataclass(frozen=True, slots=True)
class Group:
    """Layers that share their blocks. `window` None: they keep every token."""

    layers: int
    window: int | None


@dataclass(frozen=True, slots=True)
class Cache:
    """On one card. `layer_bytes`: K and V of one token in one layer, for this card's heads.

    `in_flight`: tokens of steps that are not settled yet, which a window must hold beside its own.
    """

    layer_bytes: int
    block_tokens: int
    in_flight: int
    hybrid: bool
    groups: tuple[Group, ...]

    @property
    def block_bytes(self) -> int:
        """Of one block: the groups are of one size."""
        return self.groups[0].layers * self.layer_bytes * self.block_tokens

    @property
    def token_bytes(self) -> int:
        """What each further token takes, once it is beyond every window."""
        kept = sum(one.layers for one in self.groups if one.window is None)
        return kept * self.layer_bytes

    @property
    def window_bytes(self) -> int:
        """What the local layers of one long conversation take, whatever its length."""
        return sum(one.layers * (one.window or 0) for one in self.groups) * self.layer_bytes

    def blocks(self, tokens: int) -> int:
        """For one conversation of so many tokens."""
        return sum(ceil(self._kept(one, tokens) / self.block_tokens) for one in self.groups)

    def bytes_of(self, tokens: int) -> int:
        return self.blocks(tokens) * self.block_bytes

    def _kept(self, group: Group, tokens: int) -> int:
        return tokens if group.window is None else min(group.window + self.in_flight, tokens)


def plan_cache(
    model: Architecture,
    parallel: Parallel,
    *,
    value_bytes: int,
    block_tokens: int,
    in_flight: int,
    hybrid: bool,
) -> Cache:
    """Of the stage that has most layers. `value_bytes`: of one number in the cache."""
    longest = max(stages(len(model.layers), parallel), key=len)
    layers = [model.layers[index] for index in longest]
    per_layer = 2 * kv_heads_held(model, parallel) * model.head_dim * value_bytes
    groups = _hybrid_groups(layers) if hybrid else (Group(len(layers), None),)
    return Cache(per_layer, block_tokens, in_flight, hybrid, groups)


def _hybrid_groups(layers: Sequence[Layer]) -> tuple[Group, ...]:
    """Groups of one size: as many layers as the rarer kind has, unless both are nearly as many."""
    kinds: dict[int | None, int] = {}
    for layer in layers:
        kinds[layer.window] = kinds.get(layer.window, 0) + 1
    fewest, most = min(kinds.values()), max(kinds.values())
    size = most if most < fewest * 1.5 else fewest
    return tuple(
        Group(size, window) for window, count in kinds.items() for _ in range(ceil(count / size))
    )
