from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from inference.errors import ProfileRefused
from inference.hardware import (
    Machine,
    cuda_of,
    driver_cuda,
    require,
    visible_cards,
    vllm_version,
)
from inference.profiles import profile_named
from inference.vllm_engine.version import UnsupportedVllm

CPU = Machine(vllm="0.32.0")
H100 = Machine(gpus=1, vllm="0.32.0", torch_cuda="12.8", driver_cuda="12.4")


def refusal(name: str, machine: Machine) -> str:
    with pytest.raises((ProfileRefused, UnsupportedVllm)) as refused:
        require(profile_named(name), machine)
    return str(refused.value)


def test_a_machine_that_fits_is_not_refused():
    require(profile_named("demo"), CPU)
    require(profile_named("scout"), H100)
    require(profile_named("maverick"), replace(H100, gpus=8))


@pytest.mark.parametrize(("name", "extra"), [("demo", "cpu"), ("scout", "gpu")])
def test_without_vllm_the_refusal_names_the_extra(name, extra):
    assert f"pip install '.[{extra}]'" in refusal(name, replace(CPU, vllm=None))


@pytest.mark.parametrize("name", ["demo", "scout"])
def test_another_vllm_is_refused_before_anything_is_loaded(name):
    said = refusal(name, replace(H100, vllm="0.33.1"))
    assert "vLLM 0.33.1 is installed" in said


@pytest.mark.parametrize("name", ["scout", "scout-long", "maverick"])
def test_a_gpu_profile_without_a_gpu_is_refused(name):
    assert "no NVIDIA GPU: choose the profile demo" in refusal(name, CPU)


def test_too_few_gpus_are_refused_with_both_numbers():
    said = refusal("maverick", replace(H100, gpus=2))
    assert "eight H100" in said
    assert "has 2 NVIDIA GPUs" in said


def test_cards_that_the_environment_hides_are_named_with_what_hides_them():
    said = refusal("scout", replace(H100, gpus=0, hidden_gpus=2))
    assert "this machine has no NVIDIA GPU (CUDA_VISIBLE_DEVICES hides 2 more: unset it" in said
    assert "CUDA_VISIBLE_DEVICES" not in refusal("maverick", replace(H100, gpus=2))


@pytest.mark.parametrize(
    ("chosen", "left"),
    [
        (None, (0, 1, 2)),
        ("", ()),
        ("-1", ()),
        ("0", (0,)),
        ("2, 0", (2, 0)),
        ("0,-1,1", (0,)),
        ("1,7,0", (1,)),
        ("1,1", ()),
        ("none", ()),
        ("GPU-8f6c", (0, 1, 2)),
    ],
)
def test_cards_are_visible_as_cuda_reads_the_environment(chosen, left):
    assert visible_cards(3, chosen) == left


def test_a_profile_on_ray_is_not_refused_for_cards_that_stand_elsewhere():
    spread = profile_named("maverick-hosts")
    require(spread, replace(H100, gpus=0, driver_cuda=None))


def test_a_cpu_without_avx2_is_refused():
    assert "AVX2" in refusal("demo", replace(CPU, avx2=False))


def test_a_driver_too_old_for_torch_is_refused_with_both_versions():
    said = refusal("scout", replace(H100, torch_cuda="13.0", driver_cuda="12.8"))
    assert "driver knows CUDA up to 12.8" in said
    assert "built for CUDA 13.0" in said


def test_an_older_driver_of_the_same_major_version_is_not_refused():
    require(profile_named("scout"), replace(H100, torch_cuda="12.9", driver_cuda="12.0"))


def test_a_card_without_its_driver_library_is_refused():
    assert "docker run --gpus all" in refusal("scout", replace(H100, driver_cuda=None))


def test_a_torch_for_the_cpu_is_refused_for_a_gpu_and_the_other_way_round():
    assert "'.[gpu]'" in refusal("scout", replace(H100, torch_cuda=None))
    assert "'.[cpu]'" in refusal("demo", replace(CPU, torch_cuda="12.8"))


def test_the_cuda_of_torch_is_read_from_its_file():
    assert cuda_of("cuda: Optional[str] = '12.8'\nhip: Optional[str] = None\n") == "12.8"
    assert cuda_of("cuda = '13.0'\n") == "13.0"
    assert cuda_of("cuda: Optional[str] = None\nhip: Optional[str] = '6.4'\n") is None


def test_the_drivers_version_is_asked_of_its_library(tmp_path: Path):
    assert driver_cuda(str(tmp_path / "libcuda.so.1")) is None
    assert driver_cuda("libc.so.6") is None  # a library that knows no such thing


def test_a_package_that_is_not_installed_has_no_version():
    assert vllm_version(("no-such-package-of-ours",)) is None
