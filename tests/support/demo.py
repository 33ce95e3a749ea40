"""The demo model for tests, built once for all runs into the checkout's ignored cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

CACHE = Path(__file__).parents[2] / ".cache" / "test-models"


def quiet(line: str, share: float | None) -> None:
    """A progress that nobody reads."""


@pytest.fixture(scope="session")
def demo_data_dir() -> Path:
    """A data directory whose demo model is complete."""
    from inference.demo.checkpoint import ensure_demo_model

    ensure_demo_model(CACHE, quiet)
    return CACHE


@pytest.fixture(scope="session")
def dense_original(demo_data_dir: Path) -> Path:
    """The folder of the dense original as a plain Llama checkpoint."""
    from tests.support.dense import write_dense

    folder = CACHE / "dense-1"
    if not (folder / "config.json").exists():
        write_dense(CACHE, folder)
    return folder


def words(count: int) -> str:
    """That many different short words."""
    return " ".join(f"word{number}" for number in range(count))


def joined(texts: Sequence[str]) -> str:
    return "".join(texts)
