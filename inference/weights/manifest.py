"""What of a model was fetched: its commit, its files, and whether all of them were checked."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from inference.weights.hub import HubModel
from inference.weights.source import OnHub

MANIFEST = "outrider-weights.json"


def is_fetched(source: OnHub, data_dir: Path) -> bool:
    """Whether all files are there, by name and size; their checksums were compared once."""
    folder = source.folder(data_dir)
    stated = read_manifest(folder)
    return bool(stated.get("complete")) and all(
        (folder / name).is_file() and (folder / name).stat().st_size == size
        for name, size in stated["files"].items()
    )


def pinned(source: OnHub, data_dir: Path) -> str:
    """The commit that the first request found, or the revision that was asked for."""
    return str(read_manifest(source.folder(data_dir)).get("commit") or source.revision)


def read_manifest(folder: Path) -> dict[str, Any]:
    try:
        stated = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    is_ours = isinstance(stated, dict) and isinstance(stated.get("files"), dict)
    return stated if is_ours else {}


def write_manifest(model: HubModel, folder: Path, *, complete: bool) -> None:
    """Whole or not at all: a start that finds half of it would fetch everything anew."""
    files = {file.name: file.size_bytes for file in model.files}
    checksums = {file.name: file.checksum for file in model.files}
    stated = {"repo": model.repo, "commit": model.commit, "complete": complete}
    scratch = folder / f"{MANIFEST}.new"
    with scratch.open("w", encoding="utf-8") as out:
        json.dump(stated | {"files": files, "checksums": checksums}, out, indent=1)
        out.flush()
        os.fsync(out.fileno())
    scratch.replace(folder / MANIFEST)
