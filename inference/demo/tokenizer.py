"""The tokenizer's files, rebuilt from the GGUF's own metadata. Pure data, no libraries.

The vocabulary, the merges, the special tokens and the chat template are the model's own. What
llama.cpp calls the pre-tokenizer `smollm` is: split off every digit, then GPT-2's byte-level
split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_CONTROL = 3  # GGUF's token type for tokens that are never produced from plain text


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the GGUF says about its tokenizer."""

    tokens: Sequence[str]
    token_types: Sequence[int]
    merges: Sequence[str]
    bos_id: int
    eos_id: int
    unknown_id: int
    padding_id: int
    chat_template: str


def tokenizer_json(vocabulary: Vocabulary) -> dict[str, Any]:
    """The content of `tokenizer.json`."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            _special(index, token)
            for index, (token, kind) in enumerate(
                zip(vocabulary.tokens, vocabulary.token_types, strict=True)
            )
            if kind == _CONTROL
        ],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Digits", "individual_digits": True},
                byte_level | {"use_regex": True},
            ],
        },
        "post_processor": None,
        "decoder": byte_level | {"use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: index for index, token in enumerate(vocabulary.tokens)},
            "merges": [merge.split(" ", 1) for merge in vocabulary.merges],
        },
    }


def tokenizer_config(vocabulary: Vocabulary, max_model_len: int) -> dict[str, Any]:
    """The content of `tokenizer_config.json`, with the model's chat template."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": vocabulary.tokens[vocabulary.bos_id],
        "eos_token": vocabulary.tokens[vocabulary.eos_id],
        "unk_token": vocabulary.tokens[vocabulary.unknown_id],
        "pad_token": vocabulary.tokens[vocabulary.padding_id],
        "model_max_length": max_model_len,
        "clean_up_tokenization_spaces": False,
        "chat_template": vocabulary.chat_template,
    }


def _special(index: int, token: str) -> dict[str, Any]:
    return {
        "id": index,
        "content": token,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }
