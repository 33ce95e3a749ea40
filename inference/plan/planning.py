"""The plan: what fits on a card, how long a conversation may be, how many there may be at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from inference.plan.architecture import Architecture, read_architecture
from inference.plan.cache import Cache, plan_cache
from inference.plan.cards import GIB, Card
from inference.plan.quantization import Quantization, read_quantization
from inference.plan.reserve import Reserve, reserve_for
from inference.plan.roofline import BATCHES, Step, decode_step
from inference.plan.serving import STEP_TOKENS, Serving, cache_value_bytes, served_bytes
from inference.plan.weights import Parallel, Weights, weigh

LENGTHS = (2_048, 8_192, 32_768, 131_072)
CPU_CACHE_BYTES = 4 * GIB  # on a CPU, where the profile states none: more only where one needs it

# Up to so many bytes of weights a step on a CPU is as vLLM's own; of heavier ones it is shorter.
CPU_WHOLE_STEP_BYTES = 2 * GIB
CPU_LEAST_STEP = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be planned: a model's config.json (or its facts), how it is served, on what."""

    model: str
    config: Mapping[str, Any]
    serving: Serving
    card: Card


@dataclass(frozen=True, slots=True)
class Conversations:
    """So many of this length, in tokens, have room at once; each takes so many bytes of a card."""

    tokens: int
    each_bytes: int
    at_once: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Bytes are those of one card; `weights.total_bytes` alone is the whole model's.

    `room_bytes`: what vLLM may use of the card; `left_bytes`: what of it weights and a step leave,
    negative where they don't fit. `cache_bytes`: the KV cache, which is what the profile sets, else
    all of that on a GPU and a part of it on a CPU. `capacity_tokens`: the cache's, as vLLM states
    it, for conversations of `max_model_len`.
    `longest_tokens`: of one conversation alone, 0 where none fits. `full_cache`, `hybrid_cache`:
    the two ways to keep the local layers' cache; `cache` is the one that is used.
    """

    profile: str
    model: str
    quantization: str
    card: Card
    parallel: Parallel
    max_model_len: int
    max_num_seqs: int
    step_tokens: int
    model_longest: int
    weights: Weights
    reserve: Reserve
    cache: Cache
    full_cache: Cache
    hybrid_cache: Cache
    room_bytes: int
    left_bytes: int
    cache_bytes: int
    capacity_tokens: int
    longest_tokens: int
    conversations: tuple[Conversations, ...]
    short_steps: tuple[Step, ...]  # with nothing in the cache
    long_steps: tuple[Step, ...]  # each conversation `max_model_len` long
    fits: bool
    reason: str  # why it doesn't

    @property
    def is_too_long(self) -> bool:
        """Whether that is why: the model itself reads no conversations of `max_model_len`."""
        return self.left_bytes > 0 and self.max_model_len > self.model_longest


def make_plan(asked: Asked) -> Plan:
    """Raises PlanRefused for what nothing can be planned from; a plan that doesn't fit is one."""
    model = read_architecture(asked.config)
    sees = model.vision is not None
    if not asked.serving.vision and model.vision is not None:
        model = replace(model, vision=None)
    serving, parallel = asked.serving, asked.serving.parallel
    model = replace(model, dtype_bytes=served_bytes(serving.dtype, model.dtype_bytes))
    if serving.any_length:
        model = replace(model, longest=max(model.longest, serving.max_model_len))
    quantization = replace(
        read_quantization(asked.config, model.dtype_bytes, serving.quantization),
        int4_dequantized=not asked.card.is_gpu,
    )
    weights = weigh(model, quantization, parallel, positions(model, serving.max_model_len))
    step = serving.step_tokens or _step_tokens(serving, weights, sees=sees)
    full, hybrid = (_cache(model, quantization, serving, step, one) for one in (False, True))
    used = hybrid if serving.hybrid else full
    reserve = reserve_for(
        model,
        parallel,
        step_tokens=step,
        sequences=serving.max_num_seqs,
        graphs=not serving.eager,
        is_gpu=asked.card.is_gpu,
    )
    room = int(asked.card.memory_bytes * serving.utilization)
    left = room - weights.card_bytes - reserve.total
    cache_bytes = _cache_bytes(asked, used, left)
    most = left if serving.cache_bytes is None else min(serving.cache_bytes, left)
    reason = _reason(asked, model, weights, reserve, used, left, cache_bytes)
    return Plan(
        profile=serving.profile,
        model=asked.model,
        quantization=quantization.label,
        card=asked.card,
        parallel=parallel,
        max_model_len=serving.max_model_len,
        max_num_seqs=serving.max_num_seqs,
        step_tokens=step,
        model_longest=model.longest,
        weights=weights,
        reserve=reserve,
        cache=used,
        full_cache=full,
        hybrid_cache=hybrid,
        room_bytes=room,
        left_bytes=left,
        cache_bytes=cache_bytes,
        capacity_tokens=_capacity(used, cache_bytes, serving.max_model_len),
        longest_tokens=_longest(model, used, most, serving),
        conversations=_conversations(used, cache_bytes, serving.max_model_len),
        short_steps=_steps(model, weights, used, asked, context=0),
        long_steps=_steps(model, weights, used, asked, context=serving.max_model_len),
        fits=not reason,
        reason=reason,
    )


def _step_tokens(serving: Serving, weights: Weights, *, sees: bool) -> int:
    """On a CPU a step takes as long as its tokens times the weights, and an engine that makes none
    for a minute is taken for stuck (`stillness.py`). An image's tokens must be in one step."""
    tokens = STEP_TOKENS
    while not sees and tokens > CPU_LEAST_STEP:
        if tokens * weights.total_bytes <= STEP_TOKENS * CPU_WHOLE_STEP_BYTES:
            break
        tokens //= 2
    return max(tokens, serving.max_num_seqs)  # vLLM decodes them all in one


def _cache(
    model: Architecture, quantization: Quantization, serving: Serving, step: int, hybrid: bool
) -> Cache:
    return plan_cache(
        model,
        serving.parallel,
        value_bytes=cache_value_bytes(serving.cache_dtype, quantization, model.dtype_bytes),
        block_tokens=serving.block_tokens,
        in_flight=serving.in_flight_steps * step,
        hybrid=hybrid,
    )


def _cache_bytes(asked: Asked, cache: Cache, left: int) -> int:
    """On a CPU the main memory is others' too: not more than all that are decoded together need,
    within a bound, but room for one that is as long as it may be."""
    serving = asked.serving
    if serving.cache_bytes is not None:
        return serving.cache_bytes
    if asked.card.is_gpu:
        return left
    one = cache.bytes_of(serving.max_model_len)
    return min(max(min(one * serving.max_num_seqs, CPU_CACHE_BYTES), one), left)


def _steps(
    model: Architecture, weights: Weights, cache: Cache, asked: Asked, *, context: int
) -> tuple[Step, ...]:
    return tuple(
        decode_step(
            model,
            weights,
            cache,
            asked.serving.parallel,
            batch=batch,
            context=context,
            bandwidth=asked.card.bandwidth,
        )
        for batch in BATCHES
    )


def positions(model: Architecture, max_model_len: int) -> int:
    """How many the table of rotary embeddings is made for: Llama 4's is cut to what is served.

    Scout's own ten million would take 2.5 GiB of each card (`vllm_engine/positions.py`).
    """
    return min(model.longest, max_model_len) if model.is_llama4 else model.longest


def _reason(
    asked: Asked,
    model: Architecture,
    weights: Weights,
    reserve: Reserve,
    cache: Cache,
    left: int,
    cache_bytes: int,
) -> str:
    """Why it doesn't fit; "" where it does."""
    of = "" if asked.serving.parallel.cards == 1 else " of each card"
    room = left + weights.card_bytes + reserve.total
    if left <= 0:
        return (
            f"The weights take {gib(weights.card_bytes)}{of} and a step {gib(reserve.total)} more, "
            f"and {gib(room)} of {asked.card.name} can be used."
        )
    if asked.serving.max_model_len > model.longest:
        return (
            f"The model reads at most {model.longest:,} tokens, and max_model_len is "
            f"{asked.serving.max_model_len:,}."
        )
    if cache_bytes > left:
        return (
            f"The profile sets {gib(cache_bytes)} aside for the KV cache, and after the weights "
            f"({gib(weights.card_bytes)}) and a step ({gib(reserve.total)}) {gib(left)} are left."
        )
    needed = cache.bytes_of(asked.serving.max_model_len)
    if needed > cache_bytes:
        return (
            f"A conversation of {asked.serving.max_model_len:,} tokens takes {gib(needed)} of KV "
            f"cache{of}, and {gib(cache_bytes)} are left for it after the weights "
            f"({gib(weights.card_bytes)}) and a step ({gib(reserve.total)})."
        )
    return ""


def _capacity(cache: Cache, cache_bytes: int, max_model_len: int) -> int:
    """As vLLM counts it: whole conversations of the longest kind, and the part of a last one."""
    blocks = max(cache_bytes, 0) // cache.block_bytes
    return int(blocks / cache.blocks(max_model_len) * max_model_len)


def _conversations(cache: Cache, cache_bytes: int, max_model_len: int) -> tuple[Conversations, ...]:
    lengths = sorted({*(one for one in LENGTHS if one < max_model_len), max_model_len})
    blocks = max(cache_bytes, 0) // cache.block_bytes
    return tuple(
        Conversations(length, cache.bytes_of(length), blocks // cache.blocks(length))
        for length in lengths
    )


def _longest(model: Architecture, cache: Cache, cache_bytes: int, serving: Serving) -> int:
    """The longest conversation that has the cache to itself, up to the model's own limit.

    A longer one needs a longer table of rotary embeddings, which the cache then has less.
    """
    a_position = model.head_dim * model.dtype_bytes
    now = positions(model, serving.max_model_len)

    def has_room(tokens: int) -> bool:
        table = (positions(model, tokens) - now) * a_position
        return cache.bytes_of(tokens) <= cache_bytes - table

    low, high = 0, model.longest
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if has_room(middle) else (low, middle - 1)
    return low


def gib(size: float) -> str:
    return f"{size / GIB:.1f} GiB"
