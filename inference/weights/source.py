"""Where the weights of a profile come from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from inference.errors import ModelNotFound
from inference.profiles import Profile, Quantize

_PATH_BEGINS = ("/", "./", "../", "~")
_ON_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of this machine, as somebody put it there."""

    path: Path


@dataclass(frozen=True, slots=True)
class OnHub:
    """A model on the hub by ORG/NAME; `revision` "" is the newest when it is first fetched."""

    repo: str
    revision: str = ""

    def folder(self, data_dir: Path) -> Path:
        """Where it is fetched to. Its name is the model's, which people see."""
        return data_dir / "models" / (self.repo + (f"@{self.revision}" if self.revision else ""))


@dataclass(frozen=True, slots=True)
class Recipe:
    """Made on this machine; `quantize` as in a profile."""

    name: str
    quantize: Quantize = ""


Source = Folder | OnHub | Recipe


def source_of(profile: Profile, model: str | None = None) -> Source:
    """`model` goes before the profile's own. Raises ModelNotFound: no such folder, no such name."""
    named = model or profile.model
    if named is None:
        return Recipe(profile.recipe, profile.quantize)
    path = Path(named).expanduser()
    if named.startswith(_PATH_BEGINS) or (path / "config.json").is_file():
        if not (path / "config.json").is_file():
            raise ModelNotFound(
                f"There is no model at {path} (no config.json): check OUTRIDER_ENGINE__MODEL, or "
                f"the model of the profile {profile.name}."
            )
        return Folder(path)
    revision = "" if model else profile.revision
    if not _ON_HUB.fullmatch(named) or (revision and not _REVISION.fullmatch(revision)):
        raise ModelNotFound(
            f"{named!r} is neither a folder with a model nor a name on the hub (ORG/NAME): check "
            f"OUTRIDER_ENGINE__MODEL, or model and revision of the profile {profile.name}."
        )
    return OnHub(named, revision)
