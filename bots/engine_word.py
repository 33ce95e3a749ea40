"""What the engine of this machine says of itself, in a file for `outrider doctor`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from bots.progress import READY
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
            _write(data_dir / FILE, engine)

    return report


def read_word(data_dir: Path) -> EngineWord | None:
    """Of an engine that still runs, or None."""
    try:
        said = json.loads((data_dir / FILE).read_text("utf-8"))
        os.kill(int(said["pid"]), 0)  # a killed one leaves its word behind
        return EngineWord(
            str(said["profile"]),
            str(said["plan"]),
            bool(said["as_planned"]),
            str(said.get("experts", "")),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remove_word(data_dir: Path) -> None:
    (data_dir / FILE).unlink(missing_ok=True)


def _write(path: Path, engine: Engine) -> None:
    info = engine.info
    said = {
        "pid": os.getpid(),
        "profile": info.profile,
        "plan": info.plan,
        "as_planned": info.as_planned,
        "experts": info.experts,
    }
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(said), encoding="utf-8")
    draft.replace(path)
