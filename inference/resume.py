"""Where an interrupted answer can be gone on from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_INCOMPLETE = "\ufffd"

Decode = Callable[[Sequence[int]], str]


def whole_characters(token_ids: Sequence[int], decode: Decode) -> tuple[tuple[int, ...], str]:
    """The longest beginning of `token_ids` whose text ends on a whole character, and that text.

    A byte-level token may hold a part of an emoji or of a Chinese character. Going on from such
    a cut is wrong twice: the rest of the character can't be shown, and vLLM's incremental
    detokenizer then puts the whole prompt, system text included, into the output
    (vllm-project/vllm#48853).
    """
    kept = tuple(token_ids)
    text = decode(kept) if kept else ""
    while kept and text.endswith(_INCOMPLETE):
        kept = kept[:-1]
        text = decode(kept) if kept else ""
    return kept, text
