"""The model profiles as data: what runs where. This module imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from inference.errors import ProfileRefused

Runner = Literal["vllm", "remote", "scripted"]
Executor = Literal["", "mp", "ray"]  # vLLM's names: processes of one host, or a Ray cluster's

BEHEMOTH_REFUSAL = (
    "Llama 4 Behemoth was never released: choose scout, maverick, remote or demo instead."
)


@dataclass(frozen=True, slots=True)
class Profile:
    """One way to serve a model.

    `served_name` is what people see; "" for the model's own name.
    `extra` is the pip extra it needs ("" for none); `gpus` the graphics cards it needs at least.
    `answer_tokens` is the default for an answer's length, `least_answer_tokens` the smallest
    useful one, for which a prompt must leave room. `kv_cache_bytes` None leaves it to vLLM.
    A model takes `tensor_parallel` × `pipeline_parallel` cards: the former share each layer and
    belong in one host, the latter each have some of the layers and may be hosts apart.
    `distributed_executor` "" is vLLM's own choice; with "ray" the cards may be in several hosts.
    `vision`: the model sees images. `tools`: it may call tools, in a form of its own where
    `tool_parser` names vLLM's parser of that, else in ours (`tool_calls.py`).
    `embeds`: it makes embeddings, and answers nobody.
    """

    name: str
    runner: Runner
    hardware: str
    model: str | None = None
    served_name: str = ""
    extra: str = ""
    gpus: int = 0
    dtype: str = "auto"
    max_model_len: int = 8192
    max_num_seqs: int = 16
    kv_cache_bytes: int | None = None
    kv_cache_dtype: str = "auto"
    enforce_eager: bool = False
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    distributed_executor: Executor = ""
    expert_parallel: bool = False
    temperature: float | None = None
    top_p: float | None = None
    answer_tokens: int = 1024
    least_answer_tokens: int = 64
    notice: str = ""
    attribution: str = ""
    vision: bool = False
    tools: bool = False
    tool_parser: str = ""
    embeds: bool = False


_DEMO_NOTICE = (
    "Demo: a 135-million-parameter model answers here and is often wrong. For real answers set "
    "OUTRIDER_ENGINE__PROFILE to remote (any OpenAI-compatible endpoint) or scout (one H100)."
)

_DEMO_EMBEDDINGS_NOTICE = (
    "Demo: these embeddings come from a small model that was made for talking. For real ones serve "
    "a model that was made for them."
)

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            name="demo",
            runner="vllm",
            hardware="any CPU with AVX2",
            served_name="smollm2-135m-demo",
            extra="cpu",
            dtype="bfloat16",
            kv_cache_bytes=1 << 30,
            enforce_eager=True,
            # So small a model loses the thread as soon as it may choose a less likely token.
            temperature=0.0,
            answer_tokens=256,
            notice=_DEMO_NOTICE,
            tools=True,
        ),
        Profile(
            name="demo-embeddings",
            runner="vllm",
            hardware="any CPU with AVX2",
            served_name="smollm2-135m-demo-embeddings",
            extra="cpu",
            dtype="bfloat16",
            kv_cache_bytes=1 << 28,
            enforce_eager=True,
            notice=_DEMO_EMBEDDINGS_NOTICE,
            embeds=True,
        ),
        Profile(
            name="scout",
            runner="vllm",
            hardware="one H100 with 80 GB",
            model="RedHatAI/Llama-4-Scout-17B-16E-Instruct-quantized.w4a16",
            extra="gpu",
            gpus=1,
            dtype="bfloat16",
            max_model_len=131072,
            max_num_seqs=64,
            kv_cache_dtype="fp8",
            temperature=0.6,
            top_p=0.9,
            answer_tokens=2048,
            least_answer_tokens=256,
            attribution="Built with Llama",
            vision=True,
            tools=True,
            tool_parser="llama4_pythonic",
        ),
        Profile(
            name="maverick",
            runner="vllm",
            hardware="eight H100 with 80 GB",
            model="meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8",
            extra="gpu",
            gpus=8,
            dtype="bfloat16",
            max_model_len=131072,
            max_num_seqs=64,
            kv_cache_dtype="fp8",
            tensor_parallel=8,
            expert_parallel=True,
            temperature=0.6,
            top_p=0.9,
            answer_tokens=2048,
            least_answer_tokens=256,
            attribution="Built with Llama",
            vision=True,
            tools=True,
            tool_parser="llama4_pythonic",
        ),
        Profile(
            name="maverick-hosts",
            runner="vllm",
            hardware="two hosts with eight H100 of 80 GB each, in one Ray cluster",
            model="meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8",
            extra="gpu,ray",
            gpus=16,
            dtype="bfloat16",
            max_model_len=131072,
            max_num_seqs=128,
            kv_cache_dtype="fp8",
            tensor_parallel=8,
            pipeline_parallel=2,
            expert_parallel=True,
            distributed_executor="ray",
            temperature=0.6,
            top_p=0.9,
            answer_tokens=2048,
            least_answer_tokens=256,
            attribution="Built with Llama",
            vision=True,
            tools=True,
            tool_parser="llama4_pythonic",
        ),
        Profile(name="remote", runner="remote", hardware="none", max_model_len=131072),
        Profile(name="scripted", runner="scripted", hardware="none"),
    )
}


def profile_named(name: str) -> Profile:
    """Raises ProfileRefused for `behemoth` and for a name that is none."""
    if name == "behemoth":
        raise ProfileRefused(BEHEMOTH_REFUSAL)
    try:
        return PROFILES[name]
    except KeyError:
        known = ", ".join(PROFILES)
        raise ProfileRefused(f"There is no profile {name!r}: choose one of {known}.") from None
