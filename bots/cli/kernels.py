"""`outrider kernels`: our kernels, made to measure for this machine's card."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence

from bots.settings import Settings
from inference.errors import TuningRefused
from inference.hardware import graphics_cards, torch_cuda
from inference.kernels.moe.tables import FOLDER


def tune(settings: Settings, shape: str, tokens: Sequence[int], say: Callable[[str], None]) -> None:
    """Raises TuningRefused: there is nothing here to measure on, or no torch to do it with."""
    require_card(graphics_cards(), torch_cuda())
    from inference.kernels.moe.tune import tune_this_card

    path = tune_this_card(shape, settings.data_dir / FOLDER, say, tokens)
    say(f"Written to {path}; the next start uses it.")


def require_card(cards: int, cuda: str | None) -> None:
    """`cards`: how many NVIDIA GPUs there are; `cuda`: what torch was built for, None for none."""
    if not cards:
        raise TuningRefused(
            "Tuning measures the kernels on an NVIDIA GPU, of which this machine has none: run "
            "'outrider kernels tune' on the machine whose card answers."
        )
    if cuda is None or importlib.util.find_spec("triton") is None:
        raise TuningRefused("Tuning needs torch for CUDA, and Triton: run pip install '.[gpu]'.")
