"""The demo checkpoint's configuration files, and how a complete checkpoint is recognised.

This module imports no torch.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from inference.demo import source
from inference.profiles import Quantize

# Raise it whenever what is written changes; an older checkpoint is then built anew.
FORMAT_VERSION = 1
MANIFEST = "outrider-model.json"
MAX_MODEL_LEN = 8192
EXPERTS = 16
# Columns of int4 weights that share a scale: as in the published W4A16 checkpoints of Scout.
GROUP = 128


def model_folder(data_dir: Path, quantize: Quantize = "") -> Path:
    kind = f"demo-{quantize}" if quantize else "demo"
    return data_dir / "models" / f"{kind}-{FORMAT_VERSION}"


def llama4_config(value: Any, quantize: Quantize = "") -> dict[str, Any]:
    """`config.json` of the mixture of experts; `value(key)` reads the GGUF's metadata."""
    plain = _llama4_config(value)
    if not quantize:
        return plain
    hidden = plain["hidden_size"]
    return plain | {
        "hidden_size": hidden + -hidden % GROUP,
        # An RMS norm takes the mean over the zeros too (`w4a16.widened`).
        "rms_norm_eps": round(plain["rms_norm_eps"] * hidden / (hidden + -hidden % GROUP), 12),
        "quantization_config": _W4A16,
    }


def _llama4_config(value: Any) -> dict[str, Any]:
    heads = value("llama.attention.head_count")
    layers = value("llama.block_count")
    return {
        "architectures": ["Llama4ForCausalLM"],
        "model_type": "llama4_text",
        "hidden_size": value("llama.embedding_length"),
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": value("llama.attention.head_count_kv"),
        "head_dim": value("llama.embedding_length") // heads,
        "intermediate_size": value("llama.feed_forward_length") // 2,
        "intermediate_size_mlp": value("llama.feed_forward_length"),
        "num_local_experts": EXPERTS,
        "num_experts_per_tok": 1,
        "interleave_moe_layer_step": 1,
        "no_rope_layers": [1] * layers,
        "use_qk_norm": False,
        "attn_temperature_tuning": False,
        "attention_chunk_size": MAX_MODEL_LEN,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": value("llama.rope.freq_base"),
        },
        **_common(value),
    }


# As the published W4A16 checkpoints of Scout say it: linears in four bits, but not the router, the
# head, or attention.
_W4A16 = {
    "quant_method": "compressed-tensors",
    "format": "pack-quantized",
    "quantization_status": "compressed",
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {
                "num_bits": 4,
                "type": "int",
                "strategy": "group",
                "group_size": GROUP,
                "symmetric": True,
                "dynamic": False,
            },
        }
    },
    "ignore": ["re:.*self_attn", "re:.*router", "lm_head"],
}


def llama_config(value: Any) -> dict[str, Any]:
    """`config.json` of the dense original."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": value("llama.embedding_length"),
        "num_hidden_layers": value("llama.block_count"),
        "num_attention_heads": value("llama.attention.head_count"),
        "num_key_value_heads": value("llama.attention.head_count_kv"),
        "intermediate_size": value("llama.feed_forward_length"),
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": value("llama.rope.freq_base"),
        },
        **_common(value),
    }


def generation_config(value: Any) -> dict[str, Any]:
    # Temperature tuning is pinned: left open, vLLM would switch it by the configured length.
    return {
        "bos_token_id": value("tokenizer.ggml.bos_token_id"),
        "eos_token_id": value("tokenizer.ggml.eos_token_id"),
        "pad_token_id": value("tokenizer.ggml.padding_token_id"),
        "attn_temperature_tuning": False,
    }


def _common(value: Any) -> dict[str, Any]:
    return {
        "hidden_act": "silu",
        "attention_bias": False,
        "tie_word_embeddings": True,
        "vocab_size": value("llama.vocab_size"),
        "max_position_embeddings": value("llama.context_length"),
        "rms_norm_eps": round(value("llama.attention.layer_norm_rms_epsilon"), 10),
        "bos_token_id": value("tokenizer.ggml.bos_token_id"),
        "eos_token_id": value("tokenizer.ggml.eos_token_id"),
        "pad_token_id": value("tokenizer.ggml.padding_token_id"),
        "dtype": "bfloat16",
    }


def manifest(folder: Path) -> dict[str, Any]:
    """What a finished folder holds, by file name and size."""
    files = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    return {"format": FORMAT_VERSION, "source_sha256": source.WHEEL_SHA256, "files": files}


def is_complete(folder: Path) -> bool:
    """Whether the folder holds a whole checkpoint of this format."""
    try:
        stated = json.loads((folder / MANIFEST).read_text())
        sizes = {name: (folder / name).stat().st_size for name in stated["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(
        stated["format"] == FORMAT_VERSION
        and stated["source_sha256"] == source.WHEEL_SHA256
        and sizes == stated["files"]
    )
