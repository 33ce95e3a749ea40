"""What a running engine says of its own memory. Nothing here imports vLLM: it is handed over."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from inference.vllm_engine.worker_report import WORKER

# How long the workers may take to say it. vLLM waits for ever for a core that ends meanwhile.
ASK_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Bytes are those of the worker that has most; `capacity_tokens` is vLLM's own figure.

    `cache_token_bytes`: of the cache, for each token that its blocks have room for. Where local
    layers have blocks of their own, a conversation takes several blocks for the same tokens.
    """

    weights_bytes: int
    cache_bytes: int
    cache_token_bytes: float
    block_tokens: int
    capacity_tokens: int
    max_model_len: int


async def measure(llm: Any) -> Measured | None:
    """Ask vLLM's AsyncLLM and its workers; None where they are none of ours.

    Raises TimeoutError, and whatever vLLM raises.
    """
    config = llm.vllm_config
    if config.parallel_config.worker_cls != WORKER:
        return None
    async with asyncio.timeout(ASK_SECONDS):
        reports = await llm.collective_rpc("outrider_memory")
    cache = config.cache_config
    cache_bytes = max(one["cache_bytes"] for one in reports)
    tokens = (cache.num_gpu_blocks or 0) * cache.block_size
    return Measured(
        weights_bytes=max(one["weights_bytes"] for one in reports),
        cache_bytes=cache_bytes,
        cache_token_bytes=cache_bytes / tokens if tokens else 0.0,
        block_tokens=cache.block_size,
        capacity_tokens=cache.kv_cache_size_tokens or 0,
        max_model_len=config.model_config.max_model_len,
    )
