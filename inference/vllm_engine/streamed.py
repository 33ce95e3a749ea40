"""An answer's tokens as text, as vLLM's stream says it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inference.resume import INCOMPLETE, Decode

LONGEST_ANCHOR = 64


def as_streamed(tokenizer: Any, prompt_ids: Sequence[int]) -> Decode:
    """Decodes what follows the prompt. The stream goes on from the prompt's text, so what a decoder
    does at a text's beginning is not done to the answer's: SentencePiece's strips a space there.
    """
    anchor = _anchor(tokenizer, prompt_ids)
    said = len(_decoded(tokenizer, anchor))

    def decode(token_ids: Sequence[int]) -> str:
        return _decoded(tokenizer, [*anchor, *token_ids])[said:]

    return decode


def _anchor(tokenizer: Any, prompt_ids: Sequence[int]) -> list[int]:
    """The prompt's end, as much of it as is text that begins and ends with whole characters."""
    anchor: list[int] = []
    for size in range(1, min(len(prompt_ids), LONGEST_ANCHOR) + 1):
        anchor = list(prompt_ids[-size:])
        text = _decoded(tokenizer, anchor)
        if text and INCOMPLETE not in text:
            break
    return anchor


def _decoded(tokenizer: Any, token_ids: Sequence[int]) -> str:
    return str(tokenizer.decode(list(token_ids), skip_special_tokens=True))
