"""What the engine of this machine says of itself, in a file for `outrider doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bots.progress import READY
from bots.word import leave_word, read_word, remove_word
from inference.api import Engine, Progress

FILE = "engine.json"


@dataclass(frozen=True, slots=True)
class EngineWord:
    """`plan` and `experts` as in EngineInfo; "" where the engine has none."""

    profile: str
    plan: str
    as_planned: bool
    experts: str = ""


def leaving_word(progress: Progress, engine: Engine, data_dir: Path) -> Progress:
    """`progress`, and the engine's word is written as soon as it is ready."""

    def report(line: str, share: float | None) -> None:
        progress(line, share)
        if line == READY:
            leave_word(data_dir / FILE, _word(engine))

    return report


def read_engine_word(data_dir: Path) -> EngineWord | None:
    """Of an engine that still runs, or None."""
    said = read_word(data_dir / FILE)
    if said is None:
        return None
    try:
        return EngineWord(
            str(said["profile"]),
            str(said["plan"]),
            bool(said["as_planned"]),
            str(said.get("experts", "")),
        )
    except KeyError:
        return None


def remove_engine_word(data_dir: Path) -> None:
    remove_word(data_dir / FILE)


def _word(engine: Engine) -> dict[str, object]:
    info = engine.info
    return {
        "profile": info.profile,
        "plan": info.plan,
        "as_planned": info.as_planned,
        "experts": info.experts,
    }
