import sys
from pathlib import Path

import pytest

from deploy.install import ensure_torch
from deploy.pip import Pip, PipFailed, explain, progress
from deploy.stubs import write_stubs

LOG = Path("pip.log")
REQUIREMENT = "outrider_torch_standin==1.0+omitted"


@pytest.mark.parametrize(
    ("line", "note"),
    [
        (
            "  Downloading torch-2.13.0-cp311-cp311-linux_x86_64.whl (190.4 MB)\n",
            "  fetched torch (190.4 MB)",
        ),
        ("  Using cached triton-3.9.0-x.whl (285.8 MB)\n", "  fetched triton (285.8 MB)"),
        ("  Downloading idna-3.20-py3-none-any.whl (70 kB)\n", ""),
        ("  Downloading lxml-5.0-x.whl (7.1 MB)\n", ""),
        ("Installing collected packages: a, b, c\n", "  unpacking 3 packages, the longest part …"),
        ("Collecting idna\n", ""),
    ],
)
def test_only_what_takes_long_is_told(line: str, note: str) -> None:
    assert progress(line) == note


def test_failures_are_one_sentence_each() -> None:
    assert "check the network" in explain("WARNING: Retrying after NewConnectionError(…)", LOG)
    assert "disk is full" in explain("OSError: [Errno 28] No space left on device", LOG)
    assert explain("x\nERROR: first\nERROR: Cannot do it.\n", LOG) == (
        "pip failed: Cannot do it (all of it is in pip.log)."
    )


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pip:
    """The pip of this environment, asked of folders alone."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "target"))
    place = tmp_path / "a folder"
    place.mkdir()
    (place / "constraints.txt").write_text("")
    return Pip(Path(sys.executable), place / "constraints.txt", tmp_path / "log", lambda _: None)


def wheel(folder: Path) -> Path:
    """A wheel that stands for the CPU's torch."""
    return write_stubs(folder, REQUIREMENT)[0]


def test_torch_of_pips_own_sources_is_left_to_the_main_installation(
    tmp_path: Path, pip: Pip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel(tmp_path / "wheels").parent))
    ensure_torch(pip, REQUIREMENT, index="file:///nowhere")
    assert not (tmp_path / "target").exists()


def test_torch_that_pip_does_not_know_comes_from_the_other_index(
    tmp_path: Path, pip: Pip, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(tmp_path / "simple" / "outrider-torch-standin")
    page = tmp_path / "simple" / "outrider-torch-standin" / "index.html"
    names = [path.name for path in page.parent.iterdir()]
    page.write_text("".join(f'<a href="{name.replace("+", "%2B")}">{name}</a>' for name in names))
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "empty").as_uri())
    ensure_torch(pip, REQUIREMENT, index=(tmp_path / "simple").as_uri())
    assert list((tmp_path / "target").glob("outrider_torch_standin-1.0+omitted.dist-info"))


def test_torch_that_nobody_has_is_a_sentence(pip: Pip) -> None:
    with pytest.raises(PipFailed, match="can't get a package"):
        ensure_torch(pip, REQUIREMENT, index="file:///nowhere")
