"""Profiles from TOML files: the built-in ones beside this module, a person's in the data folder.

A file may say `extends = "scout"`: what it does not state itself is then the other's. Each fault is
one sentence that names the file, the key and what is allowed.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from inference.errors import ProfileRefused
from inference.profiles.profile import Licence, Profile

FOLDER = "profiles"  # below the data directory
SUFFIX = ".toml"
BUILT_IN = Path(__file__).parent
EXTENDS = "extends"
# It becomes a file's name.
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*", re.IGNORECASE)
_OURS = {"name", "extra"}  # never stated in a file
# Who states one of these needs other hardware than the profile that it extends.
_HARDWARE_FROM = {"gpus", "runner", "distributed_executor"}

Values = dict[str, Any]


def profile_named(name: str, data_dir: Path | None = None) -> Profile:
    """The built-in profile of that name, or the one in `data_dir`/profiles.

    Raises ProfileRefused: there is none, its file is wrong, or it is one that can't be had.
    """
    values = _with_extended(name, data_dir, ())
    profile = _profile(name, values, _file(name, data_dir))
    if profile.refusal:
        raise ProfileRefused(profile.refusal)
    return profile


def profile_names(data_dir: Path | None = None) -> tuple[str, ...]:
    """All names, built-in ones first; those of wrong files as well."""
    return tuple(dict.fromkeys(path.stem for path in _files(data_dir)))


def _files(data_dir: Path | None) -> list[Path]:
    built_in = sorted(BUILT_IN.glob(f"*{SUFFIX}"))
    if data_dir is None:
        return built_in
    return built_in + sorted((data_dir / FOLDER).glob(f"*{SUFFIX}"))


def _file(name: str, data_dir: Path | None) -> Path:
    found = [path for path in _files(data_dir) if path.stem == name and _NAME.fullmatch(name)]
    if len(found) > 1:
        raise ProfileRefused(
            f"{found[1]}: {name} is the name of a built-in profile: rename the file, and let it "
            f'say {EXTENDS} = "{name}".'
        )
    if not found:
        raise ProfileRefused(_no_such(name, data_dir))
    return found[0]


def _no_such(name: str, data_dir: Path | None) -> str:
    known = profile_names(data_dir)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    own = f", or add {data_dir / FOLDER / 'NAME.toml'}" if data_dir is not None else ""
    return f"There is no profile {name!r}: choose one of {', '.join(known)}{own}.{hint}"


def _with_extended(name: str, data_dir: Path | None, seen: tuple[str, ...]) -> Values:
    """What the file says, over what those say that it extends."""
    path = _file(name, data_dir)
    if name in seen:
        raise ProfileRefused(f"{path}: {' extends '.join((*seen, name))}, which has no end.")
    values = _read(path)
    other = values.pop(EXTENDS, None)
    if other is None:
        return values
    if not isinstance(other, str):
        raise ProfileRefused(f"{path}: {EXTENDS} must be the name of a profile.")
    if other not in profile_names(data_dir):
        raise ProfileRefused(f"{path}: {EXTENDS}: {_no_such(other, data_dir)}")
    extended = _with_extended(other, data_dir, (*seen, name))
    if values.keys() & _HARDWARE_FROM:
        extended.pop("hardware", None)
    return extended | values


def _read(path: Path) -> Values:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise ProfileRefused(f"{path} can't be read: it is not UTF-8 text.") from None
    except tomllib.TOMLDecodeError as error:
        raise ProfileRefused(f"{path} can't be read: {error}.") from None
    except OSError as error:
        raise ProfileRefused(f"{path} can't be read: {error.strerror}.") from None


def _profile(name: str, values: Values, path: Path) -> Profile:
    """Raises ProfileRefused with a sentence for each fault."""
    if faults := [_unknown(key, Profile, path) for key in _strangers(values)]:
        raise ProfileRefused("\n".join(faults))
    whole = _defaults(values) | values | {"name": name}
    try:
        # By way of JSON: there "strict" takes a table for a dataclass, and still no "1" for 1.
        return TypeAdapter(Profile).validate_json(_json(whole, path), strict=True)
    except ValidationError as error:
        raise ProfileRefused("\n".join(_sentences(error, path))) from None


def _strangers(values: Mapping[str, Any]) -> list[str]:
    known = {field.name for field in fields(Profile)} - _OURS
    return [key for key in values if key not in known]


def _defaults(values: Mapping[str, Any]) -> Values:
    """What follows from the other keys where nobody says it."""
    gpus, runner = values.get("gpus", 0), values.get("runner", "vllm")
    several = f"{gpus} NVIDIA GPUs" if gpus != 1 else "one NVIDIA GPU"
    hardware = "none" if runner != "vllm" else several if gpus else "any CPU with AVX2"
    extra = "" if runner != "vllm" else "gpu" if gpus else "cpu"
    on_ray = values.get("distributed_executor") == "ray"
    return {"extra": f"{extra},ray" if on_ray else extra, "hardware": hardware}


def _json(values: Values, path: Path) -> str:
    try:
        return json.dumps(values, allow_nan=False)
    except (TypeError, ValueError):  # TOML has dates and infinities
        raise ProfileRefused(f"{path}: no key of a profile is a date, inf or nan.") from None


def _sentences(error: ValidationError, path: Path) -> list[str]:
    said = []
    for fault in error.errors(include_url=False, include_input=False):
        key = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "unexpected_keyword_argument":
            said.append(_unknown(key, Licence, path))
            continue
        message = fault["msg"].removeprefix("Value error, ")
        what = f"{key}: {message[:1].lower()}{message[1:]}" if key else f"the profile {message}"
        said.append(f"{path}: {what}.")
    return said


def _unknown(key: str, kind: type, path: Path) -> str:
    table, dot, _ = key.rpartition(".")
    known = [f"{table}{dot}{field.name}" for field in fields(kind) if field.name not in _OURS]
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"a profile has {', '.join(sorted(known))}."
    return f"{path}: {key} is not a key of a profile: {hint}"
