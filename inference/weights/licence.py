"""Which licences were accepted here, by whom and when: `licences.json` in the data directory."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from inference.errors import LicenceNotAccepted
from inference.profiles import Licence, Profile
from inference.weights.manifest import is_fetched
from inference.weights.source import OnHub, Source

FILE = "licences.json"


def is_accepted(licence: Licence, data_dir: Path) -> bool:
    """Of this name at this address: a later version is asked about anew."""
    return any(
        one.get("name") == licence.name and one.get("url") == licence.url
        for one in _accepted(data_dir)
    )


def write_acceptance(licence: Licence, data_dir: Path, by: str, at: datetime) -> None:
    """Write it down, once. Raises LicenceNotAccepted where that can't be done."""
    if is_accepted(licence, data_dir):
        return
    record = {"name": licence.name, "url": licence.url, "by": by, "at": at.isoformat()}
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = data_dir / f"{FILE}.{os.getpid()}"
        scratch.write_text(json.dumps([*_accepted(data_dir), record], indent=1), encoding="utf-8")
        scratch.replace(data_dir / FILE)
    except OSError as error:
        raise LicenceNotAccepted(
            f"{data_dir / FILE} can't be written ({error.strerror}): make {data_dir} writable."
        ) from error


def open_licence(profile: Profile, source: Source, data_dir: Path) -> Licence | None:
    """The licence that has to be accepted before these weights may be fetched; None if none."""
    licence = profile.licence
    if licence is None or not isinstance(source, OnHub):
        return None
    settled = is_accepted(licence, data_dir) or is_fetched(source, data_dir)
    return None if settled else licence


def require_licence(profile: Profile, source: Source, data_dir: Path) -> None:
    """Raises LicenceNotAccepted, with the sentence that says where it stands and how to."""
    licence = open_licence(profile, source, data_dir)
    if licence is not None:
        raise LicenceNotAccepted(
            f"The weights of {profile.name} come under the {licence.name}: read {licence.url}, "
            f"then run 'outrider licence accept {profile.name}'."
        )


def _accepted(data_dir: Path) -> list[dict[str, Any]]:
    path = data_dir / FILE
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise LicenceNotAccepted(f"{path} can't be read: mend it or remove it.") from error
    return [one for one in stated if isinstance(one, dict)] if isinstance(stated, list) else []
