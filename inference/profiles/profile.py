"""A profile: one way to serve a model, as data. Nothing in the code asks for a profile's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

Runner = Literal["vllm", "remote", "scripted"]
Executor = Literal["", "mp", "ray"]  # vLLM's names: processes of one host, or Ray's
Recipe = Literal["", "smollm2-recast"]
Quantize = Literal["", "w4a16"]
ToolPrompt = Literal["template", "pythonic"]

# Arguments of vLLM's engine that Outrider sets (vllm_engine/launch.py), each with the profile's key
# that says it, or "". Nothing may have two values, of which the plan would know only one.
SET_BY_US: Mapping[str, str] = {
    "disable_hybrid_kv_cache_manager": "hybrid_kv_cache",
    "disable_log_stats": "",
    "distributed_executor_backend": "distributed_executor",
    "dtype": "dtype",
    "enable_expert_parallel": "expert_parallel",
    "enable_prefix_caching": "",
    "enable_sleep_mode": "",
    "enforce_eager": "enforce_eager",
    "gpu_memory_utilization": "gpu_memory_utilization",
    "hf_overrides": "",
    "kv_cache_dtype": "kv_cache_dtype",
    "kv_cache_memory_bytes": "kv_cache_bytes",
    "language_model_only": "vision",
    "limit_mm_per_prompt": "vision",
    "max_model_len": "max_model_len",
    "max_num_queued_reqs": "",
    "max_num_seqs": "max_num_seqs",
    "model": "model",
    "override_generation_config": "",
    "pipeline_parallel_size": "pipeline_parallel",
    "quantization": "quantization",
    "scheduling_policy": "",
    "served_model_name": "served_name",
    "structured_outputs_config": "",
    "tensor_parallel_size": "tensor_parallel",
    "use_tqdm_on_load": "",
    "worker_cls": "",
}

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True, slots=True)
class Licence:
    """What a model's licence demands. It is shown and accepted before its weights are fetched.

    `summary` says in our words what to look for in it, `notice` has to lie beside the weights,
    and `attribution` has to be shown to people; each may be "".
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    url: str
    summary: str = ""
    notice: str = ""
    attribution: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """One way to serve a model. Its fields are the keys of its TOML file (docs/profiles.md).

    `model` is a folder or a name on the hub, or a model at the endpoint of `remote`; where it is
    None, `recipe` says how the weights are made on this machine, and `quantize` in how many bits:
    "w4a16" is four, "" the recipe's own BF16. `revision` is the hub's, "" for the newest when it
    is first fetched, which then stays.
    `served_name` is what people see; "" for the model's own name.
    `extra` is the pip extra it needs ("" for none); `gpus` the graphics cards it needs at least.
    `quantization` "" is what the model's own config.json says. `kv_cache_bytes` and
    `gpu_memory_utilization` None leave it to vLLM; on a CPU the plan then says the former.
    `hybrid_kv_cache`: layers with a local window keep only that window, which gives longer
    contexts and costs some time a step; None is vLLM's own choice. `attn_temperature_tuning` of
    Llama 4: None lets vLLM choose by `max_model_len`.
    A model takes `tensor_parallel` × `pipeline_parallel` cards: the former share each layer and
    belong in one host, the latter each have some of the layers and may be hosts apart.
    `distributed_executor` "" leaves it to vLLM, which then uses one host; with "ray" the cards may
    stand on several.
    `answer_tokens` is the default for an answer's length, `least_answer_tokens` the smallest
    useful one, for which a prompt must leave room.
    `vision`: the model sees images. `tools`: it may call tools, in a form of its own where
    `tool_parser` names vLLM's parser of that, else in ours (`tool_calls.py`). `tool_prompt`: who
    tells it of them in its own form, its chat template or Outrider (`tool_prompt.py`).
    `embeds`: it makes embeddings, and answers nobody.
    `vllm`: further arguments of vLLM's engine, by its own names; none of SET_BY_US.
    `refusal`: why this profile can't be had, in a sentence.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    runner: Runner = "vllm"
    hardware: str = ""
    model: str | None = None
    revision: str = ""
    recipe: Recipe = ""
    quantize: Quantize = ""
    served_name: str = ""
    extra: str = ""
    gpus: Annotated[int, Field(ge=0)] = 0
    dtype: str = "auto"
    quantization: str = ""
    max_model_len: Annotated[int, Field(ge=256)] = 8192
    max_num_seqs: Count = 16
    kv_cache_bytes: Count | None = None
    kv_cache_dtype: str = "auto"
    hybrid_kv_cache: bool | None = None
    attn_temperature_tuning: bool | None = None
    gpu_memory_utilization: Share | None = None
    enforce_eager: bool = False
    tensor_parallel: Count = 1
    pipeline_parallel: Count = 1
    expert_parallel: bool = False
    distributed_executor: Executor = ""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Share | None = None
    answer_tokens: Count = 1024
    least_answer_tokens: Count = 64
    notice: str = ""
    vision: bool = False
    tools: bool = False
    tool_parser: str = ""
    tool_prompt: ToolPrompt = "template"
    embeds: bool = False
    licence: Licence | None = None
    vllm: Mapping[str, Any] = field(default_factory=dict)
    refusal: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError where keys contradict each other."""
        if self.refusal or self.runner != "vllm":
            return
        if self.model is None and not self.recipe:
            raise ValueError("needs a model: a folder, or a name on the hub such as ORG/NAME")
        if self.quantize and not self.recipe:
            raise ValueError("has quantize and no recipe: only what is made here is quantized here")
        split = self.tensor_parallel * self.pipeline_parallel
        if self.gpus and split > self.gpus:
            raise ValueError(
                f"splits the model over {split} GPUs (tensor_parallel × pipeline_parallel) and "
                f"says gpus = {self.gpus}: make gpus at least {split}"
            )
        if self.vision and not self.gpus:
            raise ValueError("has vision and no GPU: vLLM reads images on a GPU only")
        if taken := sorted(self.vllm.keys() & SET_BY_US.keys()):
            key = SET_BY_US[taken[0]]
            own = f"say it by the profile's own key {key}" if key else "leave it out there"
            raise ValueError(f"sets {taken[0]} in its table [vllm], which Outrider sets: {own}")
        if self.least_answer_tokens >= self.max_model_len:
            raise ValueError("leaves no room for a prompt: least_answer_tokens is too large")

    @property
    def attribution(self) -> str:
        """What the licence demands to be shown to people ("Built with Llama"), or ""."""
        return self.licence.attribution if self.licence is not None else ""
