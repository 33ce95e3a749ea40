"""Where a model's config.json is; where no file of it is on this machine, its facts.

The facts of the built-in profiles' models stand in `facts/`: the numbers of a config.json in its
own names, and the usual ways to store the weights, so that one reader serves both.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.demo.layout import is_complete, model_folder
from inference.errors import PlanRefused
from inference.profiles import Profile, Quantize

CONFIG = "config.json"
_FACTS = Path(__file__).parent / "facts"
_DEMO = "demo"
_MOST_BYTES = 8_000_000  # a config.json has some kilobytes; one that names each layer some more


@dataclass(frozen=True, slots=True)
class Found:
    """A model's config. `shown` is the model's name, `place` says where the config is from."""

    shown: str
    config: Mapping[str, Any]
    place: str


def find_config(
    profile: Profile, data_dir: Path, model: str | None = None, format_: str | None = None
) -> Found:
    """`model` (a folder, a config.json, or a name on the hub) goes before the profile's own.

    `format_` names one of the ways in which the facts know the weights to be stored; it goes before
    any file. Raises PlanRefused.
    """
    named = model or profile.model
    if format_ is not None:
        return _in_format(named, format_)
    if named is None:
        return _demo(profile.quantize, data_dir)
    path = Path(named).expanduser()
    if path.is_dir() or path.suffix == ".json" or named.startswith(("/", "./", "../", "~")):
        return _from_file(path)
    revision = "" if model else profile.revision
    for folder in _fetched(named, revision, data_dir):
        if (folder / CONFIG).is_file():
            return Found(named, read_config(folder / CONFIG), str(folder))
    return _known(named)


def has_config(profile: Profile, data_dir: Path, model: str | None = None) -> bool:
    """Whether `find_config` finds one."""
    try:
        find_config(profile, data_dir, model)
    except PlanRefused:
        return False
    return True


def read_config(path: Path) -> Mapping[str, Any]:
    """Raises PlanRefused for a file that isn't there, is too large, or is no JSON object."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise PlanRefused(f"{path} is far larger than a model's {CONFIG}: check the path.")
        stated = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise PlanRefused(f"There is no {CONFIG} at {path}: name the model's folder.") from None
    except (ValueError, RecursionError):
        raise PlanRefused(
            f"{path} is no JSON: copy it anew from where the model is from."
        ) from None
    if not isinstance(stated, dict):
        raise PlanRefused(f"{path} is no JSON object: copy it anew from where the model is from.")
    return stated


def _from_file(path: Path) -> Found:
    file = path if path.suffix == ".json" else path / CONFIG
    return Found(file.parent.name or str(file), read_config(file), str(file))


def _demo(quantize: Quantize, data_dir: Path) -> Found:
    name = f"{_DEMO}-{quantize}" if quantize else _DEMO
    folder = model_folder(data_dir, quantize)
    if is_complete(folder):
        return Found(name, read_config(folder / CONFIG), str(folder))
    return Found(name, _facts(name)["config"], "facts, as it isn't built yet")


def _fetched(name: str, revision: str, data_dir: Path) -> Iterator[Path]:
    """Where a model of the hub may have been fetched to: by us, or by the hub's own client."""
    if ".." in Path(name).parts:
        return
    yield data_dir / "models" / (f"{name}@{revision}" if revision else name)
    home = os.environ.get("HF_HOME") or str(Path.home() / ".cache" / "huggingface")
    hub = Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub")
    yield from sorted((hub / f"models--{name.replace('/', '--')}" / "snapshots").glob("*"))


def _known(name: str) -> Found:
    for facts in _all_facts():
        if name in facts["models"]:
            return _stored(name, facts, facts["models"][name])
    raise PlanRefused(
        f"The {CONFIG} of {name} is not on this machine: fetch the model first, or name a folder "
        "that has it with --model."
    )


def _in_format(name: str | None, format_: str) -> Found:
    known = next((facts for facts in _all_facts() if name in facts["models"]), None)
    if known is None:
        raise PlanRefused(
            "A format can be chosen only for a model that Outrider knows the facts of: Llama 4 "
            "Scout and Maverick. Leave --format away."
        )
    if format_ not in known["formats"]:
        raise PlanRefused(
            f"There is no format {format_!r}: choose one of {', '.join(known['formats'])}."
        )
    return _stored(f"{name}, stored as {format_}", known, format_)


def _stored(shown: str, facts: Mapping[str, Any], format_: str) -> Found:
    config = dict(facts["config"])
    if stored := facts["formats"][format_]:
        config["quantization_config"] = stored
    return Found(shown, config, "facts, as its files are not on this machine")


def _all_facts() -> Iterator[Mapping[str, Any]]:
    for path in sorted(_FACTS.glob("*.toml")):
        yield _facts(path.stem)


def _facts(name: str) -> Mapping[str, Any]:
    return tomllib.loads((_FACTS / f"{name}.toml").read_text(encoding="utf-8"))
