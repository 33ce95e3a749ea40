"""Choosing the engine by the settings. The composition root calls `build_engine` and nothing else.

vLLM is imported only where a profile needs it, so a base install can still serve `remote`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from inference import hardware
from inference.api import Engine, Progress
from inference.errors import ProfileRefused
from inference.kernels.moe import tables
from inference.on_ray.cluster import require_gpus, require_ray
from inference.plan.require import require_room
from inference.plan.sources import has_config
from inference.profiles import Profile, profile_named
from inference.settings import EngineSettings
from inference.weights.fetch import fetch
from inference.weights.folder import AS_COPIED, AS_FETCHED, require_model
from inference.weights.hub import Hub
from inference.weights.hub_cache import in_hub_cache
from inference.weights.licence import require_licence
from inference.weights.manifest import is_fetched
from inference.weights.source import Folder, OnHub, Source, source_of


def build_engine(settings: EngineSettings, data_dir: Path) -> Engine:
    """The engine of the settings' profile, not started yet.

    Raises EngineError, with a sentence that says what is missing and how to get it.
    """
    profile = chosen_profile(settings, data_dir)
    if settings.ray_serve:
        return _on_ray_serve(profile, settings, data_dir)
    if profile.runner == "scripted":
        from inference.scripted import ScriptedEngine

        return ScriptedEngine(settings.scripted, profile.name)
    if profile.runner == "remote":
        from inference.remote.engine import RemoteEngine

        return RemoteEngine(settings, profile)
    return _vllm_engine(profile, settings, data_dir)


def chosen_profile(settings: EngineSettings, data_dir: Path) -> Profile:
    """The settings' profile, with what the settings say in its place. Raises ProfileRefused."""
    profile = profile_named(settings.profile, data_dir)
    profile = replace(profile, max_num_seqs=settings.max_num_seqs or profile.max_num_seqs)
    if profile.runner != "vllm":
        return profile
    if settings.vision and not profile.vision:
        raise ProfileRefused(
            f"The model of the profile {profile.name} sees no images: leave "
            "OUTRIDER_ENGINE__VISION away."
        )
    if settings.moe == "triton" and not profile.gpus:
        raise ProfileRefused(
            f"vLLM's Triton experts need a GPU, and the profile {profile.name} runs on the CPU: "
            "leave OUTRIDER_ENGINE__MOE away."
        )
    longest = settings.max_model_len or profile.max_model_len
    if longest <= profile.least_answer_tokens:
        raise ProfileRefused(
            f"{longest:,} tokens leave no room for a prompt: the profile {profile.name} keeps "
            f"{profile.least_answer_tokens:,} of them for the answer. Set "
            "OUTRIDER_ENGINE__MAX_MODEL_LEN higher, or leave it away."
        )
    return replace(
        profile,
        vision=profile.vision and settings.vision is not False,
        max_model_len=longest,
    )


def _on_ray_serve(profile: Profile, settings: EngineSettings, data_dir: Path) -> Engine:
    """The replicas look for vLLM and for their hardware where they run."""
    if profile.runner == "remote" or profile.distributed_executor == "ray" or profile.embeds:
        raise ProfileRefused(
            f"The profile {profile.name} doesn't run in replicas of Ray Serve: leave "
            "OUTRIDER_ENGINE__RAY_SERVE away."
        )
    require_ray(profile.name)
    from inference.on_ray.engine import RayServeEngine

    return RayServeEngine(profile, settings, data_dir)


def require_address(profile: Profile, settings: EngineSettings) -> None:
    if settings.ray_address is None:
        raise ProfileRefused(
            f"The profile {profile.name} needs {profile.hardware}: set "
            "OUTRIDER_ENGINE__RAY_ADDRESS to the cluster's address, as host:6379."
        )


def _vllm_engine(profile: Profile, settings: EngineSettings, data_dir: Path) -> Engine:
    hardware.require(profile, hardware.this_machine())
    if profile.distributed_executor == "ray":
        require_ray(profile.name)
        require_address(profile, settings)
    else:
        require_room(profile, data_dir, settings.model)
    source = source_of(profile, settings.model)
    require_licence(profile, source, data_dir)
    from inference.vllm_engine.engine import VllmEngine
    from inference.vllm_engine.launch import Experts

    experts = Experts(settings.moe, data_dir / tables.FOLDER)
    if profile.embeds:
        from inference.vllm_engine.embedder import VllmEmbedder

        return VllmEmbedder(
            _named(profile, source),
            _locate(profile, source, settings, data_dir),
            debug=settings.debug,
            experts=experts,
        )
    return VllmEngine(
        _named(profile, source),
        _locate(profile, source, settings, data_dir),
        debug=settings.debug,
        sleeps=settings.sleep_after_seconds > 0,
        ray_address=settings.ray_address,
        experts=experts,
    )


def _named(profile: Profile, source: Source) -> Profile:
    """People see a model of the hub by its name there, whatever folder it lies in."""
    own = source.repo if isinstance(source, OnHub) else ""
    return replace(profile, served_name=profile.served_name or own)


def _locate(
    profile: Profile, source: Source, settings: EngineSettings, data_dir: Path
) -> Callable[[Progress], str]:
    weights = weights_of(profile, source, data_dir, hub_of(settings))

    def locate(progress: Progress) -> str:
        if profile.distributed_executor == "ray":
            progress("looking at the Ray cluster", None)
            require_gpus(settings.ray_address or "auto", profile.gpus, profile.name)
            return weights(progress)
        was_planned = has_config(profile, data_dir, settings.model)
        folder = weights(progress)
        if not was_planned:
            require_room(profile, data_dir, folder)
        return folder

    return locate


def hub_of(settings: EngineSettings) -> Hub:
    return Hub(settings.hub_token.get_secret_value() if settings.hub_token else None)


def weights_of(
    profile: Profile, source: Source, data_dir: Path, hub: Hub
) -> Callable[[Progress], str]:
    """Finds or makes the folder of the weights and checks it; called in a thread."""

    def locate(progress: Progress) -> str:
        folder, remedy = _folder(profile, source, data_dir, hub, progress), AS_COPIED
        if isinstance(source, OnHub):
            remedy = AS_FETCHED
        progress("checking the model's files", None)
        require_model(folder, remedy, chats=not profile.embeds)
        return str(folder)

    return locate


def _folder(profile: Profile, source: Source, data_dir: Path, hub: Hub, progress: Progress) -> Path:
    if isinstance(source, Folder):
        return source.path
    if isinstance(source, OnHub):
        there = None if is_fetched(source, data_dir) else in_hub_cache(source)
        return there or fetch(source, data_dir, hub, profile.licence, progress)
    from inference.demo.checkpoint import ensure_demo_model

    return ensure_demo_model(data_dir, progress, source.quantize)
