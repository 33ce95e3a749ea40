"""A dense Llama layer recast as a Llama 4 mixture-of-experts layer that computes the same.

The MLP's 1,536 neurons are cut in two. One half is the shared expert. Each of the 16 routed
experts is another permutation of the other half, so every routing gives the same sum, and a
kernel that pairs one expert's gate with another's down projection is found out at once.

Llama 4 multiplies a routed expert's *input* by sigmoid(router logit). The router's rows are
random directions so short that the sigmoid is exactly 0.5 in bf16 and in fp32, while their sign
and size still spread tokens over the experts. Gate and up rows are doubled, which is exact in
floating point: 2w · (0.5x) = w · x. A weight that is applied twice, or not at all, ruins the
answer.
"""

from __future__ import annotations

import torch

from inference.demo.layout import EXPERTS

# 2 ** -40: a logit of any hidden state stays far under fp32's half step at 0.5, which is 2 ** -25.
ROUTER_SCALE = 2.0**-40
_SEED = 135


def recast_layer(
    index: int, dense: dict[str, torch.Tensor], group: int | None = None
) -> dict[str, torch.Tensor]:
    """The Llama 4 checkpoint's tensors of one layer, by their full names; `group` as below.

    Shapes: `experts.gate_up_proj` (E, H, 2I), `experts.down_proj` (E, I, H), `router` (E, H).
    """
    layer = f"model.layers.{index}."
    names = {
        "attn_norm": "input_layernorm",
        "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj",
        "ffn_norm": "post_attention_layernorm",
    }
    tensors = {f"{layer}{ours}.weight": dense[theirs] for theirs, ours in names.items()}
    mlp = recast_mlp(index, dense["ffn_gate"], dense["ffn_up"], dense["ffn_down"], group)
    return tensors | {f"{layer}feed_forward.{name}": tensor for name, tensor in mlp.items()}


def recast_mlp(
    index: int,
    gate: torch.Tensor,
    up: torch.Tensor,
    down: torch.Tensor,
    group: int | None = None,
) -> dict[str, torch.Tensor]:
    """Cut a dense MLP (gate, up: (N, H); down: (H, N)) into a shared and 16 routed experts.

    `group`: so many neurons that lie together stay so, in any order among themselves. The columns
    of `down` that will share a scale are then the same in each expert, and all experts compute the
    same after rounding as well.
    """
    neurons, hidden = gate.shape
    half = neurons // 2
    random = torch.Generator().manual_seed(_SEED + index)
    routed = neurons - half
    orders = [half + order_of(routed, group or routed, random) for _ in range(EXPERTS)]
    return {
        "shared_expert.gate_proj.weight": gate[:half].contiguous(),
        "shared_expert.up_proj.weight": up[:half].contiguous(),
        "shared_expert.down_proj.weight": down[:, :half].contiguous(),
        "experts.gate_up_proj": torch.stack(
            [torch.cat([2 * gate[order], 2 * up[order]]).T for order in orders]
        ),
        "experts.down_proj": torch.stack([down[:, order].T for order in orders]),
        "router.weight": router_rows(hidden, random).to(gate.dtype),
    }


def order_of(neurons: int, group: int, random: torch.Generator) -> torch.Tensor:
    """(N,): a random order of groups, each in a random order of its own."""
    within = [torch.randperm(group, generator=random) for _ in range(neurons // group)]
    groups = torch.randperm(len(within), generator=random).tolist()
    return torch.cat([number * group + within[number] for number in groups])


def router_rows(hidden: int, random: torch.Generator) -> torch.Tensor:
    """(E, H): eight random unit directions and their opposites, scaled down."""
    directions = torch.randn(EXPERTS // 2, hidden, generator=random)
    directions = directions / directions.norm(dim=1, keepdim=True)
    return ROUTER_SCALE * torch.cat([directions, -directions])
