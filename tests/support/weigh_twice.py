"""A fault to plant in vLLM's workers: the router's weight multiplied in twice.

vLLM mixes the class into its worker (`worker_extension_cls`), so the test reaches it by RPC.
"""

from __future__ import annotations

from typing import Any

import torch

from inference.kernels.moe import op
from inference.kernels.moe.naive import naive_moe


def twice(
    hidden_states: torch.Tensor,
    w13: torch.Tensor,
    w2: torch.Tensor,
    topk_weights: torch.Tensor,
    topk_ids: torch.Tensor,
    **options: Any,
) -> torch.Tensor:
    weighted = hidden_states * topk_weights.to(hidden_states.dtype)
    return naive_moe(weighted, w13, w2, topk_weights, topk_ids, **options)


class WeighTwice:
    def weigh_twice(self, on: bool) -> None:
        op.naive_moe = twice if on else naive_moe

    def moe_methods(self) -> list[str]:
        """The class that computes each mixture-of-experts layer in this worker."""
        from vllm.model_executor.layers.fused_moe.routed_experts import RoutedExperts

        model = self.model_runner.model  # type: ignore[attr-defined]
        layers = [layer for layer in model.modules() if isinstance(layer, RoutedExperts)]
        return [type(layer.quant_method).__name__ for layer in layers]

    def experts_in_use(self, token_ids: list[int]) -> list[int]:
        """How many distinct experts each layer's router picks for these tokens' embeddings."""
        model = self.model_runner.model  # type: ignore[attr-defined]
        hidden = model.model.embed_tokens(torch.tensor(token_ids))
        counts = []
        for layer in model.model.layers:
            logits, _ = layer.feed_forward.router(layer.post_attention_layernorm(hidden))
            counts.append(len(logits.argmax(dim=1).unique()))
        return counts
