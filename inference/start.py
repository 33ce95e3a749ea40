"""Choosing the engine by the settings. The composition root calls `build_engine` and nothing else.

vLLM is imported only where a profile needs it, so a base install can still serve `remote`.
"""

from __future__ import annotations

import importlib.util
import platform
from dataclasses import replace
from pathlib import Path

from inference.api import Engine, Progress
from inference.errors import ModelNotFound, ProfileRefused
from inference.plan.require import require_room
from inference.profiles import Profile, profile_named
from inference.ray_cluster import require_gpus, require_ray
from inference.settings import EngineSettings


def build_engine(settings: EngineSettings, data_dir: Path) -> Engine:
    """The engine of the settings' profile, not started yet.

    Raises ProfileRefused, with a sentence that says what is missing and how to get it.
    """
    profile = profile_named(settings.profile)
    if settings.ray_serve:
        return _on_ray_serve(profile, settings, data_dir)
    if profile.runner == "scripted":
        from inference.scripted import ScriptedEngine

        return ScriptedEngine(settings.scripted)
    if profile.runner == "remote":
        from inference.remote import RemoteEngine

        return RemoteEngine(settings)
    require_extra(profile)
    if profile.distributed_executor == "ray":
        require_ray(profile.name)
        require_address(profile, settings)
    else:
        require_hardware(profile)
        require_room(profile, data_dir, settings.model)
    return _vllm_engine(profile, settings, data_dir)


def _on_ray_serve(profile: Profile, settings: EngineSettings, data_dir: Path) -> Engine:
    """The replicas look for vLLM and for their hardware where they run."""
    if profile.runner == "remote" or profile.distributed_executor == "ray":
        raise ProfileRefused(
            f"The profile {profile.name} doesn't run in replicas of Ray Serve: leave "
            "OUTRIDER_ENGINE__RAY_SERVE away."
        )
    require_ray(profile.name)
    from inference.ray_serve.engine import RayServeEngine

    return RayServeEngine(profile, settings, data_dir)


def require_address(profile: Profile, settings: EngineSettings) -> None:
    if settings.ray_address is None:
        raise ProfileRefused(
            f"The profile {profile.name} needs {profile.hardware}: set "
            "OUTRIDER_ENGINE__RAY_ADDRESS to the cluster's address, as host:6379."
        )


def require_extra(profile: Profile) -> None:
    if importlib.util.find_spec("vllm") is None:
        raise ProfileRefused(
            f"The profile {profile.name} needs vLLM, which is not installed: run "
            f"pip install 'outrider[{profile.extra}]', or choose the profile remote."
        )


def require_hardware(profile: Profile) -> None:
    found = graphics_cards()
    if found < profile.gpus:
        raise ProfileRefused(
            f"The profile {profile.name} needs {profile.hardware}, and this machine has "
            f"{found or 'no'} NVIDIA GPU{'s' if found > 1 else ''}: choose the profile demo "
            "(any CPU) or remote."
        )
    if profile.gpus == 0 and not has_avx2():
        raise ProfileRefused(
            f"The profile {profile.name} needs a CPU with AVX2, which this one lacks: "
            "choose the profile remote."
        )


def graphics_cards() -> int:
    """How many NVIDIA GPUs the driver shows."""
    return sum(1 for _ in Path("/dev").glob("nvidia[0-9]*"))


def has_avx2() -> bool:
    """Always true where the question makes no sense (not x86, or no /proc)."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return True
    try:
        return " avx2 " in Path("/proc/cpuinfo").read_text()
    except OSError:
        return True


def _vllm_engine(profile: Profile, settings: EngineSettings, data_dir: Path) -> Engine:
    from inference.vllm_engine import VllmEngine

    def locate(progress: Progress) -> str:
        if profile.distributed_executor == "ray":
            progress("looking at the Ray cluster", None)
            require_gpus(settings.ray_address or "auto", profile.gpus, profile.name)
        if settings.model is not None or profile.model is not None:
            return existing(settings.model or profile.model or "")
        from inference.demo.checkpoint import ensure_demo_model

        return str(ensure_demo_model(data_dir, progress))

    if settings.vision and not profile.vision:
        raise ProfileRefused(
            f"The model of the profile {profile.name} sees no images: leave "
            "OUTRIDER_ENGINE__VISION away."
        )
    if profile.embeds:
        from inference.vllm_embedder import VllmEmbedder

        return VllmEmbedder(
            profile, locate, max_num_seqs=settings.max_num_seqs, debug=settings.debug
        )
    return VllmEngine(
        replace(profile, vision=profile.vision and settings.vision is not False),
        locate,
        max_num_seqs=settings.max_num_seqs,
        debug=settings.debug,
        sleeps=settings.sleep_after_seconds > 0,
        ray_address=settings.ray_address,
    )


def existing(model: str) -> str:
    """A path must be there; anything else is taken for a name on the model hub."""
    if model.startswith(("/", "./", "../", "~")):
        path = Path(model).expanduser()
        if not (path / "config.json").is_file():
            raise ModelNotFound(
                f"There is no model at {path} (no config.json): check OUTRIDER_ENGINE__MODEL."
            )
        return str(path)
    return model
