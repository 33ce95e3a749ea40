"""`outrider weights` where somebody brought the weights by other means."""

from __future__ import annotations

from pathlib import Path

import pytest

from bots.cli.weights import fetch, show
from bots.settings import Settings
from inference.settings import EngineSettings
from tests.support.checkpoint import checkpoint


def settings(data_dir: Path, model: str) -> Settings:
    engine = EngineSettings(profile="demo", model=model)
    return Settings().model_copy(update={"data_dir": data_dir, "engine": engine})


def write(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, content in checkpoint().items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A whole model in the cache of the hub's own client, and no way to the hub."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model = tmp_path / "hub" / "models--org--name"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text("abc")
    return write(model / "snapshots" / "abc")


def test_a_model_in_the_hubs_own_cache_is_listed_as_here(
    cached: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show(settings(tmp_path / "data", "org/name"), "")
    said = capsys.readouterr().out
    assert str(cached) in said
    assert "to be fetched" not in said
    assert said.count(" here") == len(checkpoint())


async def test_what_others_brought_is_not_said_to_be_checked(cached: Path, tmp_path: Path) -> None:
    for model, folder in (
        ("org/name", cached),
        (str(write(tmp_path / "own")), tmp_path / "own"),
    ):
        said: list[str] = []
        await fetch(settings(tmp_path / "data", model), "", said.append)
        assert said[-1] == (
            f"All of it is in {folder}, each file as long as it says; no checksum was compared."
        )
