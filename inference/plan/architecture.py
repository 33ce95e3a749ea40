"""A model's config.json as the layers that vLLM builds from it.

Known are Llama 4 (text, and with its vision tower) and the plain Llama-like families. What is
missing or unknown is refused: a plan that guesses is worse than none.

Source: vllm/model_executor/models/llama4.py, mllama4.py, llama.py, qwen2_moe.py, mixtral.py @ 0.32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inference.errors import PlanRefused
from inference.plan.fields import Fields

_DTYPE_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}
_MOST_LAYERS = 10_000
_LLAMA4 = ("Llama4ForConditionalGeneration", "Llama4ForCausalLM")
_DENSE = ("LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM")
_SPARSE = ("MixtralForCausalLM", "Qwen2MoeForCausalLM", "Qwen3MoeForCausalLM")
_QKV_BIAS = ("Qwen2ForCausalLM", "Qwen2MoeForCausalLM")


# Kinds of rope scaling whose factor is in max_position_embeddings already.
_STRETCHED = (
    "su",
    "longrope",
    "llama3",
    "yarn",
    "deepseek_yarn",
    "deepseek_llama_scaling",
)


@dataclass(frozen=True, slots=True)
class Experts:
    """`shared` is the shared expert's width, 0 where there is none."""

    count: int
    chosen: int  # of them by each token
    intermediate: int
    shared: int


@dataclass(frozen=True, slots=True)
class Layer:
    """Either `experts`, or a dense MLP of this width. `window`: it sees so many tokens at most."""

    experts: Experts | None
    intermediate: int
    window: int | None


@dataclass(frozen=True, slots=True)
class Vision:
    """Llama 4's vision tower, its adapter and the projector into the text model."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    patch_values: int  # of one patch: its pixels times the channels
    patches: int  # of one tile
    adapter: int
    adapter_output: int
    output: int


@dataclass(frozen=True, slots=True)
class Architecture:
    """`longest` is the model's own longest context in tokens; `dtype_bytes` of unquantized weights.

    `prefix` and `mlp` are how modules are named in the checkpoint, by which a quantization recipe
    says what it leaves out.
    """

    name: str
    hidden: int
    layers: tuple[Layer, ...]
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool
    longest: int
    dtype_bytes: int
    qkv_bias: bool
    prefix: str
    mlp: str
    vision: Vision | None

    @property
    def is_llama4(self) -> bool:
        return self.name in _LLAMA4

    @property
    def experts(self) -> Experts | None:
        """Of the first layer that has any; all that do have the same."""
        return next((one.experts for one in self.layers if one.experts is not None), None)


def read_architecture(config: Mapping[str, Any]) -> Architecture:
    """Raises PlanRefused with a sentence that says what is missing or unknown."""
    outer = Fields(config)
    names = outer.texts("architectures")
    known = [name for name in names if name in (*_LLAMA4, *_DENSE, *_SPARSE)]
    if not known:
        shown = ", ".join(names) or "none"
        raise PlanRefused(
            f"The model's architecture ({shown}) is none that the plan knows: it plans Llama 4, "
            "Llama, Mistral, Mixtral, Qwen2 and Qwen3 models."
        )
    name = known[0]
    nested = outer.within("text_config")
    text = nested or outer
    if name == _LLAMA4[0] and nested is None:
        raise PlanRefused("config.json has no text_config, without which nothing is planned.")
    vision = outer.within("vision_config") if name == _LLAMA4[0] else None
    count = text.count("num_hidden_layers")
    if count > _MOST_LAYERS:
        raise text.wrong("num_hidden_layers", f"at most {_MOST_LAYERS:,}")
    llama4 = name in _LLAMA4
    heads = text.count("num_attention_heads")
    hidden = text.count("hidden_size")
    return Architecture(
        name=name,
        hidden=hidden,
        layers=_llama4_layers(text, count) if llama4 else _plain_layers(name, text, count),
        heads=heads,
        kv_heads=text.count("num_key_value_heads", heads),
        head_dim=text.count("head_dim", max(hidden // heads, 1)),
        vocabulary=text.count("vocab_size"),
        tied=_tied(outer, text),
        longest=_longest(text),
        dtype_bytes=_dtype_bytes(outer, text),
        qkv_bias=text.flag("attention_bias", name in _QKV_BIAS),
        prefix="language_model." if nested is not None else "",
        mlp=_mlp_name(name),
        vision=_vision(vision) if vision is not None else None,
    )


def _longest(text: Fields) -> int:
    """As vLLM finds it (config/model.py `_get_and_verify_max_len` @ 0.32)."""
    stated = text.count("max_position_embeddings")
    whole = text.optional("model_max_length")
    rope = text.within("rope_parameters") or text.within("rope_scaling")
    if rope is None:
        return whole or stated
    kind = rope.values.get("rope_type", rope.values.get("type"))
    is_stated = rope.values.get("factor") is not None and kind not in _STRETCHED
    factor = rope.number("factor", 1.0) if is_stated else 1.0
    return max(int((whole or stated) * factor), whole or 0)


def _tied(outer: Fields, text: Fields) -> bool:
    name = "tie_word_embeddings"
    return outer.flag(name, text.flag(name, False))


def _dtype_bytes(outer: Fields, text: Fields) -> int:
    values = (
        fields.values.get(key) for fields in (text, outer) for key in ("dtype", "torch_dtype")
    )
    stated = next((value for value in values if value is not None), "bfloat16")
    if not isinstance(stated, str) or stated not in _DTYPE_BYTES:
        raise text.wrong("dtype", f"one of {', '.join(_DTYPE_BYTES)}")
    return _DTYPE_BYTES[stated]


def _mlp_name(name: str) -> str:
    if name in _LLAMA4:
        return "feed_forward"
    return "block_sparse_moe" if name == "MixtralForCausalLM" else "mlp"


def _llama4_layers(text: Fields, count: int) -> tuple[Layer, ...]:
    """Local layers have rotary embedding and see their chunk; every `step`th has experts."""
    rotary = text.numbers("no_rope_layers")
    if not rotary:
        interval = text.count("no_rope_layer_interval", 4)
        rotary = tuple(int((index + 1) % interval != 0) for index in range(count))
    if len(rotary) < count:
        raise text.wrong("no_rope_layers", f"a list of {count} numbers, one a layer")
    chunk = text.optional("attention_chunk_size")
    step = text.count("interleave_moe_layer_step", least=0)
    width = text.count("intermediate_size")
    experts = Experts(
        text.count("num_local_experts"), text.count("num_experts_per_tok"), width, shared=width
    )
    sparse = [step > 0 and (index + 1) % step == 0 for index in range(count)]
    dense = 0 if all(sparse) else text.count("intermediate_size_mlp")
    return tuple(
        Layer(
            experts if sparse[index] else None,
            0 if sparse[index] else dense,
            chunk if rotary[index] else None,
        )
        for index in range(count)
    )


def _plain_layers(name: str, text: Fields, count: int) -> tuple[Layer, ...]:
    window = _sliding_window(name, text)
    kinds = text.texts("layer_types") or ("sliding_attention" if window else "",) * count
    if len(kinds) < count:
        raise text.wrong("layer_types", f"a list of {count} texts, one a layer")
    experts = _plain_experts(name, text) if name in _SPARSE else None
    step = text.count("decoder_sparse_step", 1)
    dense_only = set(text.numbers("mlp_only_layers"))
    layers = []
    for index in range(count):
        sparse = experts is not None and index not in dense_only and (index + 1) % step == 0
        width = 0 if sparse else text.count("intermediate_size")
        local = window if kinds[index] == "sliding_attention" else None
        layers.append(Layer(experts if sparse else None, width, local))
    return tuple(layers)


def _sliding_window(name: str, text: Fields) -> int | None:
    if name.startswith("Qwen") and not text.flag("use_sliding_window", False):
        return None
    return text.optional("sliding_window")


def _plain_experts(name: str, text: Fields) -> Experts:
    chosen = text.count("num_experts_per_tok")
    if name == "MixtralForCausalLM":
        return Experts(text.count("num_local_experts"), chosen, text.count("intermediate_size"), 0)
    shared = text.count("shared_expert_intermediate_size", 0)
    return Experts(text.count("num_experts"), chosen, text.count("moe_intermediate_size"), shared)


def _vision(fields: Fields) -> Vision:
    side, patch = fields.count("image_size"), fields.count("patch_size")
    return Vision(
        hidden=fields.count("hidden_size"),
        layers=fields.count("num_hidden_layers"),
        heads=fields.count("num_attention_heads"),
        intermediate=fields.count("intermediate_size"),
        patch_values=fields.count("num_channels", 3) * patch * patch,
        patches=(side // patch) ** 2,
        adapter=fields.count("projector_input_dim"),
        adapter_output=fields.count("projector_output_dim"),
        output=fields.count("vision_output_dim"),
    )
