"""Reading the demo model's GGUF: its tensors as bf16, and its tokenizer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGUFReader
from gguf.quants import dequantize

from inference.demo.tokenizer import Vocabulary


class DenseModel:
    """The dense original, tensor by tensor, in llama.cpp's names and layouts.

    Weights are (out, in). The rows of q and k are interleaved rotary pairs, which is also
    Llama 4's layout.
    """

    def __init__(self, path: Path) -> None:
        self._reader = GGUFReader(path)
        self._tensors = {tensor.name: tensor for tensor in self._reader.tensors}

    def tensor(self, name: str) -> torch.Tensor:
        """Dequantized in fp32, then rounded to bf16 once."""
        packed = self._tensors[name]
        plain = dequantize(packed.data, packed.tensor_type)
        return torch.from_numpy(np.array(plain, dtype=np.float32)).to(torch.bfloat16)

    def layer(self, index: int) -> dict[str, torch.Tensor]:
        """One layer's tensors by their short names (`attn_q`, `ffn_gate`, …)."""
        prefix = f"blk.{index}."
        return {
            name.removeprefix(prefix).removesuffix(".weight"): self.tensor(name)
            for name in self._tensors
            if name.startswith(prefix)
        }

    def layers(self) -> Iterator[dict[str, torch.Tensor]]:
        return (self.layer(index) for index in range(int(self.value("llama.block_count"))))

    def value(self, key: str) -> Any:
        return self._reader.fields[key].contents()

    def vocabulary(self) -> Vocabulary:
        return Vocabulary(
            tokens=self.value("tokenizer.ggml.tokens"),
            token_types=self.value("tokenizer.ggml.token_type"),
            merges=self.value("tokenizer.ggml.merges"),
            bos_id=self.value("tokenizer.ggml.bos_token_id"),
            eos_id=self.value("tokenizer.ggml.eos_token_id"),
            unknown_id=self.value("tokenizer.ggml.unknown_token_id"),
            padding_id=self.value("tokenizer.ggml.padding_token_id"),
            chat_template=self.value("tokenizer.chat_template"),
        )
