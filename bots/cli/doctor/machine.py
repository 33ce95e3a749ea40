"""Python, packages, the profile's hardware, and the disk."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from bots.cli.doctor.finding import Finding, fails, fine, note
from bots.cli.doctor.requirement import installed_version, lacking, parse_requirement
from bots.settings import Settings
from inference.demo.layout import is_complete, model_folder
from inference.errors import ModelNotFound, WeightsNotFetched
from inference.hardware import Machine, require, this_machine, vllm_version
from inference.start import chosen_profile, hub_of
from inference.weights.fetch import SPARE_BYTES, missing_bytes
from inference.weights.hub_cache import in_hub_cache
from inference.weights.manifest import is_fetched, pinned
from inference.weights.source import OnHub, source_of

OLDEST, NEWEST = (3, 11), (3, 14)
# Their usual builds are for CUDA and fail to load beside a CPU torch; text needs none of them.
_SIDE_BY_SIDE = ("torchvision", "torchaudio", "torchcodec")
_FITS_CPU = ("cpu", "omitted")
_GPUS = Path("/proc/driver/nvidia/gpus")
DEMO_BYTES = 2e9  # the checkpoint, and what lies beside it while it is built
LEAST_BYTES = 5e8


async def python(settings: Settings) -> Finding:
    return python_finding(sys.version_info[:2])


def python_finding(version: tuple[int, int]) -> Finding:
    shown = f"Python {version[0]}.{version[1]}"
    if OLDEST <= version <= NEWEST:
        return fine(f"{shown}.")
    return fails(f"This is {shown}: install Outrider with Python 3.11 to 3.14.")


async def packages(settings: Settings) -> Finding:
    extra = chosen_profile(settings.engine, settings.data_dir).extra
    try:
        stated = metadata.requires("outrider") or []
    except metadata.PackageNotFoundError:
        return fails("Outrider itself is not installed: run `make run`, or `pip install -e .`.")
    parsed = [one for one in map(parse_requirement, stated) if one is not None]
    wanted = [one for one in parsed if one.extra in ("", *extra.split(","))]
    phrases = lacking(wanted, installed_version) + misplaced(installed_version)
    if phrases:
        remedy = f"pip install '.[{extra}]'" if extra.startswith("gpu") else "make run"
        return fails(f"{'; '.join(phrases)}: run `{remedy}`.")
    return fine(f"All {len(wanted)} that the profile {settings.engine.profile} needs.")


def misplaced(version_of: Callable[[str], str | None]) -> list[str]:
    """Packages that break a CPU's torch."""
    if not (version_of("torch") or "").endswith("+cpu"):
        return []
    found = {name: version_of(name) for name in _SIDE_BY_SIDE}
    return [
        f"{name} {version} does not fit the CPU's torch"
        for name, version in found.items()
        if version is not None and version.partition("+")[2] not in _FITS_CPU
    ]


async def hardware(settings: Settings) -> Finding:
    profile = chosen_profile(settings.engine, settings.data_dir)
    if profile.runner != "vllm":
        return fine(f"The profile {profile.name} needs none.")
    machine = this_machine()
    require(profile, machine)
    if profile.gpus == 0:
        return fine("The CPU has what vLLM needs.")
    if machine.gpus == 0:  # `require` lets that pass where they are a cluster's
        return note("No GPU is here: a worker looks at the Ray cluster's when it starts.")
    return fine(_cards(machine))


def _cards(machine: Machine) -> str:
    names = ", ".join(_gpu_names()) or "NVIDIA GPU"
    return f"{machine.gpus} × {names}, whose driver knows CUDA up to {machine.driver_cuda}."


def _gpu_names() -> list[str]:
    names = set()
    for file in sorted(_GPUS.glob("*/information")):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            label, _, value = line.partition(":")
            if label == "Model":
                names.add(value.strip())
    return sorted(names)


def _must_build(settings: Settings) -> bool:
    """Whether the model is made on this machine, and isn't yet."""
    profile = chosen_profile(settings.engine, settings.data_dir)
    if not profile.recipe or profile.model or settings.engine.model:
        return False
    return not is_complete(model_folder(settings.data_dir, profile.quantize))


def to_fetch(settings: Settings) -> int | None:
    """How many bytes of the model are still to come from the hub, which is asked; None where that
    can't be found out. Blocks."""
    profile = chosen_profile(settings.engine, settings.data_dir)
    if profile.runner != "vllm":
        return 0
    try:
        source = source_of(profile, settings.engine.model)
        if not isinstance(source, OnHub):
            return 0
        if is_fetched(source, settings.data_dir) or in_hub_cache(source):
            return 0
        if vllm_version() is None:
            return None  # the hub's client comes with it
        model = hub_of(settings.engine).model(source.repo, pinned(source, settings.data_dir))
    except (ModelNotFound, WeightsNotFetched):
        return None
    return missing_bytes(model, source.folder(settings.data_dir))


async def disk(settings: Settings) -> Finding:
    folder = settings.data_dir
    there = next(one for one in (folder, *folder.parents) if one.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return fails(
            f"{there} can't be written: make it writable for this user, or name another data "
            "directory with OUTRIDER_DATA_DIR."
        )
    missing = await asyncio.to_thread(to_fetch, settings)
    needed = DEMO_BYTES if _must_build(settings) else LEAST_BYTES
    if missing:
        needed = missing + SPARE_BYTES
    free = shutil.disk_usage(there).free
    if free < needed:
        return fails(
            f"{folder} has {free / 1e9:.1f} GB free and {needed / 1e9:.1f} GB are needed: make "
            "room, or name another data directory with OUTRIDER_DATA_DIR."
        )
    others = there == folder and there.stat().st_mode & 0o077
    if others:
        return note(f"{folder} can be read by other users: `chmod 700 {folder}`.")
    if missing is None:
        return note(
            f"{folder} with {free / 1e9:.0f} GB free. How much the model takes could not be found "
            "out."
        )
    return fine(f"{folder} with {free / 1e9:.0f} GB free.")
