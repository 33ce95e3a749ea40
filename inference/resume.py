"""Where an interrupted answer can be gone on from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from inference.api import Sampling

INCOMPLETE = "\ufffd"

Decode = Callable[[Sequence[int]], str]


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """The tokens that are kept and their text. `ended`: the answer was over there already."""

    token_ids: tuple[int, ...] = ()
    text: str = ""
    ended: bool = False


def resume_point(
    token_ids: Sequence[int],
    decode: Decode,
    sampling: Sampling | None = None,
    end_tokens: Collection[int] = (),
) -> ResumePoint:
    """The longest beginning of an answer's `token_ids` that it can go on from.

    What can't be gone on with (`Sampling.resumable`) begins again: nothing is kept. After an end
    token or a whole stop string there is nothing to add. Else trailing tokens are dropped while

    - the text ends inside a character: a byte-level token may hold a part of an emoji or of a
      Chinese character. The rest of it could not be shown, and vLLM's incremental detokenizer
      puts the whole prompt, system text included, into the output (vllm-project/vllm#48853);
    - the text ends with the beginning of a stop string, whose rest would not be known as such.
    """
    sampling = sampling or Sampling()
    kept = tuple(token_ids)
    if not kept or not sampling.resumable:
        return ResumePoint()
    text = decode(kept)
    stop = _first_whole(text, sampling.stop)
    if stop is not None or kept[-1] in end_tokens:
        return ResumePoint(kept, text if stop is None else text[: text.find(stop)], ended=True)
    while kept and (text.endswith(INCOMPLETE) or _begins(text, sampling.stop)):
        kept = kept[:-1]
        text = decode(kept) if kept else ""
    return ResumePoint(kept, text)


def _first_whole(text: str, stops: Sequence[str]) -> str | None:
    """The stop string that an engine, which reads along, would have met first."""
    met = (stop for stop in stops if stop in text)
    return min(met, key=lambda stop: text.find(stop) + len(stop), default=None)


def _begins(text: str, stops: Sequence[str]) -> bool:
    """Whether `text` ends with a proper beginning of one of `stops`."""
    return any(text.endswith(stop[:size]) for stop in stops for size in range(1, len(stop)))
