"""Llama 4's table of rotary embeddings, no longer than what is served.

vLLM makes it for `max_position_embeddings`. Scout's is ten million: 2.5 GiB of each card for
positions that a context of some hundred thousand never reaches, and the KV cache has them less.

Source: vllm/model_executor/layers/rotary_embedding/base.py, models/llama4.py @ 0.32.
"""

from __future__ import annotations

from functools import partial
from typing import Any

_LLAMA4_TEXT = "llama4_text"


def served_positions(max_model_len: int) -> partial[Any]:
    """vLLM's `hf_overrides`: a function of the model's config, which its processes get pickled."""
    return partial(cut_positions, max_model_len)


def cut_positions(max_model_len: int, config: Any) -> Any:
    """Sets it on the config that vLLM has read, and gives that back. Other models stay as they are:
    some stretch their embeddings by this number."""
    text = getattr(config, "text_config", config)
    if getattr(text, "model_type", None) == _LLAMA4_TEXT:
        text.max_position_embeddings = min(text.max_position_embeddings, max_model_len)
    return config
