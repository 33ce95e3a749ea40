"""The recast model in four bits, as the published W4A16 checkpoints of Llama 4 Scout are.

The experts, routed and shared, become int4 in groups of 128 (compressed-tensors, pack-quantized,
symmetric). Attention, the router, the embedding with the head, and the norms stay in BF16.

SmolLM2's hidden size of 576 is no whole number of such groups, so the model is widened to 640: the
64 numbers more are 0 everywhere, in whatever layer. Then one checkpoint is read by every path that
reads Scout's: ours on a CPU, our tiles of 128 columns on a card, vLLM's Marlin (which takes hidden
sizes in 128s alone) and its Triton kernel.

Rounding keeps what the recast rests on. A doubled row has a doubled scale and the same codes,
exactly; each expert's groups hold the same neurons (`recast_mlp`), so all experts still compute
one function, and the dense original with its MLPs rounded in these groups says the same tokens.
"""

from __future__ import annotations

import torch
from torch.nn.functional import pad

from inference.demo.layout import GROUP
from inference.kernels.moe.int4 import quantize

Tensors = dict[str, torch.Tensor]

_WRITE_HIDDEN = {"attn_output", "ffn_down"}  # their rows are the hidden size, others' columns


def widened(dense: Tensors) -> Tensors:
    """A dense layer's tensors by their short names, the hidden size a whole number of groups."""
    return {name: _widened(name, tensor) for name, tensor in dense.items()}


def _widened(name: str, tensor: torch.Tensor) -> torch.Tensor:
    if name.endswith("_norm"):
        return _widened_norm(tensor)
    if name in _WRITE_HIDDEN:
        return pad(tensor, (0, 0, 0, -tensor.shape[0] % GROUP))
    return pad(tensor, (0, -tensor.shape[1] % GROUP))


def _widened_norm(weight: torch.Tensor) -> torch.Tensor:
    """The mean of the squares is taken over the zeros too: it is smaller, so the weight is."""
    narrow = weight.shape[0]
    wide = narrow + -narrow % GROUP
    scaled = weight.float() * (narrow / wide) ** 0.5
    return pad(scaled.to(weight.dtype), (0, wide - narrow))


def quantized(recast: Tensors) -> Tensors:
    """What stands in the checkpoint for a recast layer: each expert's linears by themselves."""
    stored: Tensors = {}
    for name, tensor in recast.items():
        if ".shared_expert." in name:
            stored |= _packed(name.removesuffix(".weight"), tensor)
        elif name.endswith(".experts.gate_up_proj"):
            for expert, both in enumerate(tensor.mT):  # [2I, H] each
                gate, up = both.chunk(2)
                stored |= _packed(_expert(name, expert, "gate_proj"), gate)
                stored |= _packed(_expert(name, expert, "up_proj"), up)
        elif name.endswith(".experts.down_proj"):
            for expert, down in enumerate(tensor.mT):  # [H, I] each
                stored |= _packed(_expert(name, expert, "down_proj"), down)
        else:
            stored[name] = tensor
    return stored


def _expert(name: str, expert: int, projection: str) -> str:
    return f"{name.rpartition('.')[0]}.{expert}.{projection}"


def _packed(name: str, weight: torch.Tensor) -> Tensors:
    """An (N, K) linear by compressed-tensors' names."""
    int4 = quantize(weight.contiguous(), GROUP)
    return {
        f"{name}.weight_packed": int4.packed,
        f"{name}.weight_scale": int4.scales,
        f"{name}.weight_shape": torch.tensor(weight.shape),
    }
