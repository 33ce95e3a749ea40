"""`outrider weights`: what there is to fetch and what is here; and fetching it beforehand."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bots.cli.licence import engine_settings
from bots.progress import StartProgress
from bots.settings import Settings
from inference.errors import EngineUnavailable
from inference.hardware import require_vllm, this_machine
from inference.profiles import Profile
from inference.start import chosen_profile, hub_of, weights_of
from inference.weights.hub import HubModel
from inference.weights.hub_cache import in_hub_cache
from inference.weights.licence import require_licence
from inference.weights.manifest import is_fetched, pinned
from inference.weights.source import Folder, OnHub, Source, source_of
from inference.weights.transfer import part_path

PIPED_COLUMNS = 400  # a line each, where no terminal sets a width

Row = tuple[str, int, str, str]


def show(settings: Settings, name: str) -> None:
    """Raises EngineError."""
    engine = engine_settings(settings, name)
    profile, source = _profile_and_source(settings, name)
    console = Console(width=None if sys.stdout.isatty() else PIPED_COLUMNS)
    cached = _in_hub_cache(source, settings.data_dir)
    if cached is not None:
        rows = [(path.name, path.stat().st_size, "", "here") for path in _files(cached)]
        console.print(Text(f"The hub's own client fetched all of it before, into {cached}"))
    elif isinstance(source, OnHub):
        model = hub_of(engine).model(source.repo, pinned(source, settings.data_dir))
        folder = source.folder(settings.data_dir)
        rows = list(_on_hub(model, folder))
        console.print(Text(f"{model.repo} at {model.commit}, in {folder}"))
    elif isinstance(source, Folder):
        rows = [(path.name, path.stat().st_size, "", "here") for path in _files(source.path)]
        console.print(Text(str(source.path)))
    else:
        console.print(Text(f"The weights of {profile.name} are made on this machine."))
        return
    console.print(_table(rows))


async def fetch(settings: Settings, name: str, say: Callable[[str], None]) -> None:
    """Raises EngineError."""
    profile, source = _profile_and_source(settings, name)
    require_licence(profile, source, settings.data_dir)
    hub = hub_of(engine_settings(settings, name))
    locate = weights_of(profile, source, settings.data_dir, hub)
    given_up = threading.Event()
    with StartProgress(say, lambda: "") as shown:

        def progress(line: str, share: float | None) -> None:
            if given_up.is_set():
                raise EngineUnavailable("It was given up; what was fetched is kept.")
            shown(line, share)

        try:
            folder = await asyncio.to_thread(locate, progress)
        finally:
            given_up.set()
    brought = isinstance(source, OnHub) and not is_fetched(source, settings.data_dir)
    if brought or isinstance(source, Folder):
        say(f"All of it is in {folder}, each file as long as it says; no checksum was compared.")
    else:
        say(f"All of it is in {folder}, checked.")


def _profile_and_source(settings: Settings, name: str) -> tuple[Profile, Source]:
    """Raises ProfileRefused where the profile has no weights, or nothing here can read them."""
    engine = engine_settings(settings, name)
    profile = chosen_profile(engine, settings.data_dir)
    if profile.runner != "vllm":
        raise EngineUnavailable(f"The profile {profile.name} has no weights on this machine.")
    require_vllm(profile, this_machine())
    return profile, source_of(profile, engine.model)


def _in_hub_cache(source: Source, data_dir: Path) -> Path | None:
    """The folder that a start would take from there, or None."""
    if not isinstance(source, OnHub) or is_fetched(source, data_dir):
        return None
    return in_hub_cache(source)


def _on_hub(model: HubModel, folder: Path) -> Iterator[Row]:
    for file in model.files:
        path, part = folder / file.name, part_path(file, folder)
        if path.is_file() and path.stat().st_size == file.size_bytes:
            state = "here, checked"
        elif part.is_file():
            state = f"{part.stat().st_size / max(file.size_bytes, 1):.0%} here"
        else:
            state = "to be fetched"
        yield file.name, file.size_bytes, file.checksum, state


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def _table(rows: list[Row]) -> Table:
    grid = Table(box=None, pad_edge=False)
    for title in ("file", "bytes", "checksum", ""):
        grid.add_column(title, justify="right" if title == "bytes" else "left")
    for name, size, checksum, state in rows:
        # As Text: a name from outside is no markup.
        grid.add_row(Text(name), f"{size:,}", Text(checksum), state)
    grid.add_row(f"{len(rows)} files", f"{sum(size for _, size, _, _ in rows):,}")
    return grid
