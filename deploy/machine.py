"""What the CPU set-up needs of a machine; each lack is one sentence."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 14)  # vLLM's wheels stop at the newer one
DISK_GB = 8


def python_lack(version: tuple[int, int]) -> str:
    """Empty when this version of Python will do."""
    if OLDEST <= version <= NEWEST:
        return ""
    return (
        f"Python 3.11 to 3.14 is needed and this is {version[0]}.{version[1]}: install one, "
        "then say which, as in `make run PYTHON=python3.12`."
    )


def venv_lack() -> str:
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        return ""
    return (
        "This Python can't make virtual environments: install its venv module "
        "(on Debian and Ubuntu: apt-get install python3-venv)."
    )


def cpu_lack(architecture: str, cpuinfo: str) -> str:
    """Empty when the CPU has AVX2, or is of a kind that has other names for it."""
    if architecture.lower() not in ("x86_64", "amd64"):
        return ""
    flags = [line.split(":", 1)[1].split() for line in cpuinfo.splitlines() if "flags" in line]
    if any("avx2" in line for line in flags):
        return ""
    return "vLLM needs a CPU with AVX2, and this one has none: run Outrider on a newer machine."


def disk_lack(free_bytes: int, folder: Path) -> str:
    free_gb = free_bytes / 1e9
    if free_gb >= DISK_GB:
        return ""
    return f"The installation needs {DISK_GB} GB of disk, and {folder} has {free_gb:.1f} GB free."


def first_lack(folder: Path, *, model: bool) -> str:
    """The first thing that is missing here, as a sentence; empty when all is well.

    `model`: whether the parts that run the model are wanted too.
    """
    lack = python_lack((sys.version_info[0], sys.version_info[1])) or venv_lack()
    if lack or not model:
        return lack
    cpuinfo = Path("/proc/cpuinfo")
    known = cpuinfo.read_text(encoding="utf-8", errors="replace") if cpuinfo.exists() else ""
    lack = cpu_lack(platform.machine(), known) if known else ""
    return lack or disk_lack(shutil.disk_usage(str(folder)).free, folder)
