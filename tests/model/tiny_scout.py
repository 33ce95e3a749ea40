"""A tiny random Llama 4 that has what the demo model lacks, and the plain weights that it means.

NoPE layers, attention in chunks that a prompt crosses, QK norm, temperature tuning, Llama 3's
rotary scaling, router scores far from 0.5, several experts of which one is shared, and int4
weights in a compressed-tensors checkpoint. `TinyModel.plain` is the same model, dequantized by the
compressed-tensors library, by transformers' names: what the checkpoint must compute.

Random weights are drawn so that every part matters. Each matrix keeps the size of what it
multiplies; attention looks at some positions much more than at others; logits are spread so that
the first is well ahead of the second.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from compressed_tensors.compressors.pack_quantized.base import PackedQuantizationCompressor
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from safetensors.torch import save_file
from tokenizers.pre_tokenizers import ByteLevel

from inference.demo.tokenizer import Vocabulary, tokenizer_config, tokenizer_json
from inference.kernels.moe.int4 import VALUES_PER_INT32, Int4Weights, quantize

LAYERS, HIDDEN, INTERMEDIATE, EXPERTS = 5, 256, 384, 8
HEADS, KV_HEADS, HEAD_DIM = 6, 2, 32
VOCABULARY, GROUP = 288, 128
WINDOW = 96  # tokens: `attention_chunk_size`
BLOCK = 32  # of the KV cache; chunks are whole blocks
LONGEST = 1024
_CONTROL_TOKENS = VOCABULARY - 256

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Kind:
    """`symmetric` None leaves the weights as they are: no quantization at all."""

    name: str
    symmetric: bool | None = True
    moe_step: int = 1  # a mixture of experts in each such layer, plain MLPs between
    qk_norm: bool = True
    scaled_rope: bool = True


SCOUT = Kind("tiny-scout")
MAVERICK = Kind("tiny-maverick", symmetric=False, moe_step=2, qk_norm=False, scaled_rope=False)
BF16_SCOUT = Kind("tiny-scout-bf16", symmetric=None)


@dataclass(frozen=True, slots=True)
class TinyModel:
    kind: Kind
    folder: Path
    config: dict[str, Any]
    plain: Tensors  # float32, by transformers' names
    int4: dict[str, Int4Weights]  # what was packed, by the checkpoint's names


def build(kind: Kind, folder: Path, seed: int = 4) -> TinyModel:
    """Write the checkpoint and its tokenizer into `folder`."""
    random = torch.Generator().manual_seed(seed)
    linears, others = _weights(kind, random)
    int4 = {}
    if kind.symmetric is not None:
        for name, weight in linears.items():
            if ".self_attn." not in name and ".router" not in name and "lm_head" not in name:
                int4[name] = quantize(weight, GROUP, symmetric=kind.symmetric)
    kept = {name: weight for name, weight in linears.items() if name not in int4}
    config = _config(kind)
    _write(folder, config, _stored(int4, kept) | others)
    whole = {name: dequantized(packed) for name, packed in int4.items()} | kept | others
    return TinyModel(kind, folder, config, stacked(whole), int4)


def dequantized(weights: Int4Weights) -> torch.Tensor:
    """(N, K) in float32, as the library that defines the format does it."""
    symmetric = weights.zero_points is None
    scheme = QuantizationScheme(
        targets=["Linear"], weights=QuantizationArgs(**_int4_weights(symmetric))
    )
    stored = {
        "weight_packed": weights.packed,
        "weight_scale": weights.scales.float(),
        "weight_shape": torch.tensor(_shape(weights)),
        "weight_zero_point": weights.zero_points,
    }
    return PackedQuantizationCompressor.decompress(stored, scheme)["weight"]


def stacked(weights: Tensors) -> Tensors:
    """Experts' linears as transformers holds them: (E, H, 2I) and (E, I, H); all in float32."""
    plain = {name: weight.float() for name, weight in weights.items() if ".experts." not in name}
    for index in {name.split(".")[2] for name in weights if ".experts." in name}:
        experts = f"model.layers.{index}.feed_forward.experts."
        of = {
            part: torch.stack([weights[f"{experts}{e}.{part}_proj.weight"] for e in range(EXPERTS)])
            for part in ("gate", "up", "down")
        }
        plain[f"{experts}gate_up_proj"] = torch.cat([of["gate"], of["up"]], 1).mT.float()
        plain[f"{experts}down_proj"] = of["down"].mT.float()
    return plain


def _weights(kind: Kind, random: torch.Generator) -> tuple[Tensors, Tensors]:
    """The linears, and the rest; all are bf16 numbers, so that every dtype holds the same ones."""
    linears, others = {}, {}

    def linear(name: str, rows: int, columns: int, gain: float) -> None:
        weight = torch.randn(rows, columns, generator=random) * gain / columns**0.5
        linears[f"{name}.weight"] = weight.bfloat16()

    def mlp(name: str, neurons: int) -> None:
        linear(f"{name}.gate_proj", neurons, HIDDEN, 1.5)
        linear(f"{name}.up_proj", neurons, HIDDEN, 1.5)
        linear(f"{name}.down_proj", HIDDEN, neurons, 1.5)

    def norm(name: str) -> None:
        others[f"{name}.weight"] = (0.5 + torch.rand(HIDDEN, generator=random)).bfloat16()

    common = torch.randn(HIDDEN, generator=random).sign()  # what all embeddings have in them
    embeddings = torch.randn(VOCABULARY, HIDDEN, generator=random) + 0.7 * common
    others["model.embed_tokens.weight"] = embeddings.bfloat16()
    for index in range(LAYERS):
        layer = f"model.layers.{index}"
        norm(f"{layer}.input_layernorm")
        linear(f"{layer}.self_attn.q_proj", HEADS * HEAD_DIM, HIDDEN, 1.5)
        linear(f"{layer}.self_attn.k_proj", KV_HEADS * HEAD_DIM, HIDDEN, 1.5)
        linear(f"{layer}.self_attn.v_proj", KV_HEADS * HEAD_DIM, HIDDEN, 1.5)
        linear(f"{layer}.self_attn.o_proj", HIDDEN, HEADS * HEAD_DIM, 2.0)
        norm(f"{layer}.post_attention_layernorm")
        if (index + 1) % kind.moe_step:
            mlp(f"{layer}.feed_forward", 2 * INTERMEDIATE)
            continue
        # Against what all tokens have in common, else the best of eight is always over 0.5.
        router = torch.randn(EXPERTS, HIDDEN, generator=random) * 2.0 / HIDDEN**0.5
        router -= (router @ common / HIDDEN).outer(common) + 12.0 * common / HIDDEN
        linears[f"{layer}.feed_forward.router.weight"] = router.bfloat16()
        mlp(f"{layer}.feed_forward.shared_expert", INTERMEDIATE)
        for expert in range(EXPERTS):
            mlp(f"{layer}.feed_forward.experts.{expert}", INTERMEDIATE)
    norm("model.norm")
    linear("lm_head", VOCABULARY, HIDDEN, 3.0)
    return linears, others


def _stored(int4: dict[str, Int4Weights], kept: Tensors) -> Tensors:
    """What stands in the checkpoint for the linears."""
    stored = {}
    for name, weights in int4.items():
        stored |= {
            f"{name}_packed": weights.packed,
            f"{name}_scale": weights.scales,
            f"{name}_shape": torch.tensor(_shape(weights)),
        }
        if weights.zero_points is not None:
            stored[f"{name}_zero_point"] = weights.zero_points
    if any(".experts." in name for name in kept):  # unquantized experts stand stacked
        return stored | {name: weight.bfloat16() for name, weight in stacked(kept).items()}
    return stored | kept


def _shape(weights: Int4Weights) -> list[int]:
    rows, columns = weights.packed.shape
    return [rows, columns * VALUES_PER_INT32]


def _config(kind: Kind) -> dict[str, Any]:
    scaling = {
        "rope_type": "llama3",
        "factor": 16.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 1.0,
        "original_max_position_embeddings": WINDOW,
    }
    config: dict[str, Any] = {
        "architectures": ["Llama4ForCausalLM"],
        "model_type": "llama4_text",
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD_DIM,
        "intermediate_size": INTERMEDIATE,
        "intermediate_size_mlp": 2 * INTERMEDIATE,
        "num_local_experts": EXPERTS,
        "num_experts_per_tok": 1,
        "interleave_moe_layer_step": kind.moe_step,
        "no_rope_layers": [int((index + 1) % 4 != 0) for index in range(LAYERS)],
        "use_qk_norm": kind.qk_norm,
        "attn_temperature_tuning": True,
        "floor_scale": 48,
        "attn_scale": 0.3,
        "attention_chunk_size": WINDOW,
        "rope_parameters": {
            **(scaling if kind.scaled_rope else {"rope_type": "default"}),
            "rope_theta": 500000.0,
        },
        "hidden_act": "silu",
        "attention_bias": False,
        "tie_word_embeddings": False,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 4 * LONGEST,
        "rms_norm_eps": 1e-5,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 2,
        "dtype": "bfloat16",
    }
    if kind.symmetric is not None:
        config["quantization_config"] = _quantization(kind.symmetric)
    return config


def _quantization(symmetric: bool) -> dict[str, Any]:
    """As the published W4A16 checkpoints of Scout say it: attention and router stay as they are."""
    return {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "quantization_status": "compressed",
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": _int4_weights(symmetric)}},
        "ignore": ["re:.*self_attn", "re:.*router", "lm_head"],
    }


def _int4_weights(symmetric: bool) -> dict[str, Any]:
    return {
        "num_bits": 4,
        "type": "int",
        "strategy": "group",
        "group_size": GROUP,
        "symmetric": symmetric,
        "dynamic": False,
    }


def _write(folder: Path, config: dict[str, Any], tensors: Tensors) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file(whole, folder / "model.safetensors", metadata={"format": "pt"})
    control = [f"<|{number}|>" for number in range(_CONTROL_TOKENS)]
    vocabulary = Vocabulary(
        tokens=[*control, *sorted(ByteLevel.alphabet())],
        token_types=[3] * len(control) + [1] * 256,
        merges=[],
        bos_id=0,
        eos_id=1,
        unknown_id=2,
        padding_id=2,
        chat_template="{% for message in messages %}{{ message['content'] }}{% endfor %}",
    )
    files = {
        "config.json": config,
        "generation_config.json": {"attn_temperature_tuning": True},
        "tokenizer.json": tokenizer_json(vocabulary),
        "tokenizer_config.json": tokenizer_config(vocabulary, LONGEST),
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
