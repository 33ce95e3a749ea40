"""What the hub's own client fetched before, in its own cache. Only looked at, never written."""

from __future__ import annotations

import os
from pathlib import Path

from inference.errors import EngineError
from inference.weights.folder import require_whole
from inference.weights.source import OnHub


def in_hub_cache(source: OnHub) -> Path | None:
    """The folder with the whole model, or None."""
    home = os.environ.get("HF_HOME") or str(Path.home() / ".cache" / "huggingface")
    hub = Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub")
    model = hub / f"models--{source.repo.replace('/', '--')}"
    revision = source.revision or "main"
    try:
        revision = (model / "refs" / revision).read_text(encoding="utf-8").strip()
    except OSError:
        pass  # a commit
    snapshot = model / "snapshots" / revision
    try:
        require_whole(snapshot)
    except (EngineError, OSError):
        return None
    return snapshot
