"""What a tiny model must compute, by transformers in float32; and faults to compute it with.

A fault changes one thing that the engine must do right. The comparison is worth something as far
as each of them is seen in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import Llama4ForCausalLM, Llama4TextConfig

from tests.model.tiny_scout import Tensors, TinyModel, dequantized, stacked


class Reference:
    """transformers' model. It reads a whole text at once and keeps no cache."""

    def __init__(self, config: dict[str, Any], plain: Tensors) -> None:
        known = {key: value for key, value in config.items() if key != "quantization_config"}
        self.model = Llama4ForCausalLM(
            Llama4TextConfig(**known | {"dtype": "float32"}, attn_implementation="eager")
        )
        self.model.load_state_dict(plain)
        self.model.eval()

    @torch.inference_mode()
    def logprobs(self, token_ids: list[int]) -> torch.Tensor:
        """(N, V): for each of the N tokens, what comes after it."""
        with _one_thread():
            logits = self.model(torch.tensor([token_ids]), use_cache=False).logits[0]
        return logits.log_softmax(dim=-1)

    @torch.inference_mode()
    def router_logits(self, token_ids: list[int]) -> torch.Tensor:
        """(L, N, E), of the L layers that have a router."""
        with _one_thread():
            out = self.model(torch.tensor([token_ids]), use_cache=False, output_router_logits=True)
        return torch.stack(list(out.router_logits))


@contextmanager
def _one_thread() -> Iterator[None]:
    """On a busy machine, threads that wait for each other take ten times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def right(tiny: TinyModel) -> Reference:
    return Reference(tiny.config, tiny.plain)


def _with_config(**changes: Any) -> Callable[[TinyModel], Reference]:
    return lambda tiny: Reference(tiny.config | changes, tiny.plain)


def _with_scores(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[..., Reference]:
    """Another weight on the chosen expert's input (those not chosen keep their 0)."""

    def build(tiny: TinyModel) -> Reference:
        reference = right(tiny)
        for layer in reference.model.model.layers:
            if (router := getattr(layer.feed_forward, "router", None)) is not None:
                router.register_forward_hook(lambda _, __, out: (change(out[0]), out[1]))
        return reference

    return build


def _with_weights(change: Callable[[str, torch.Tensor], torch.Tensor]) -> Callable[..., Reference]:
    def build(tiny: TinyModel) -> Reference:
        changed = {name: change(name, tensor) for name, tensor in tiny.plain.items()}
        return Reference(tiny.config, changed)

    return build


def _gate_and_up_swapped(name: str, tensor: torch.Tensor) -> torch.Tensor:
    if "experts.gate_up_proj" not in name:
        return tensor
    return torch.cat(tensor.chunk(2, dim=-1)[::-1], dim=-1)


def _experts_shifted(name: str, tensor: torch.Tensor) -> torch.Tensor:
    return tensor.roll(1, 0) if "experts.down_proj" in name else tensor


def _scale_groups_shifted(tiny: TinyModel) -> Reference:
    """Each group of a routed expert's columns by its neighbour's scale."""
    whole: Tensors = {}
    for name, weights in tiny.int4.items():
        if ".experts." in name:
            shifted = type(weights)(weights.packed, weights.scales.roll(1, -1), weights.zero_points)
            whole[name] = dequantized(shifted)
    return Reference(tiny.config, tiny.plain | stacked(whole))


FAULTS: dict[str, Callable[[TinyModel], Reference]] = {
    "the router's weight applied twice": _with_scores(torch.square),
    "the router's weight forgotten": _with_scores(lambda scores: (scores > 0).to(scores.dtype)),
    "gate and up swapped": _with_weights(_gate_and_up_swapped),
    "another expert's down projection": _with_weights(_experts_shifted),
    "scale groups shifted": _scale_groups_shifted,
    "no temperature tuning": _with_config(attn_temperature_tuning=False),
    "temperature floor off by one": _with_config(floor_scale=49),
    "window one token longer": _with_config(attention_chunk_size=97),
    "window one token shorter": _with_config(attention_chunk_size=95),
    "no window": _with_config(attention_chunk_size=4096),
    "no NoPE layer": _with_config(no_rope_layers=[1] * 5),
    "no QK norm": _with_config(use_qk_norm=False),
}
