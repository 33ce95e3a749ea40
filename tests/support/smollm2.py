"""What the GGUF of SmolLM2-135M-Instruct says of itself: the keys that the demo's config needs."""

from __future__ import annotations

METADATA: dict[str, float | int] = {
    "llama.embedding_length": 576,
    "llama.block_count": 30,
    "llama.feed_forward_length": 1536,
    "llama.context_length": 8192,
    "llama.vocab_size": 49152,
    "llama.attention.head_count": 9,
    "llama.attention.head_count_kv": 3,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
    "llama.rope.freq_base": 100_000.0,
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.eos_token_id": 2,
    "tokenizer.ggml.padding_token_id": 2,
}
