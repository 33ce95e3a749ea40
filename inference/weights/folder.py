"""Whether a folder holds a whole model that can chat, found out before anything is loaded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from inference.errors import ModelNotFound, ProfileRefused, WeightsDamaged

CONFIG = "config.json"
INDEX = "model.safetensors.index.json"
_TEMPLATES = ("chat_template.jinja", "chat_template.json")
_NUMBERED = re.compile(r"(.*-)(\d+)(-of-(\d+)\.safetensors)")
NAMED = 3  # of the files that are missing
MOST_SHARDS = 10_000  # that are looked for by a number in a file's name
AS_COPIED = "copy it there again from where the model came from"
AS_FETCHED = "delete it and start again: it is fetched anew"


def require_model(folder: Path, remedy: str = AS_COPIED, *, chats: bool = True) -> None:
    """Raises ModelNotFound, WeightsDamaged, or ProfileRefused for a model that can't chat.

    `remedy` says what to do about a file that is damaged. `chats`: whether it has to.
    """
    require_whole(folder, remedy)
    if chats and not has_chat_template(folder):
        raise ProfileRefused(
            f"The model in {folder} has no chat template, so it can't hold a conversation: choose "
            f"the model's instruct version, or put a {_TEMPLATES[0]} beside its config.json."
        )


def require_whole(folder: Path, remedy: str = AS_COPIED) -> None:
    """Each file of weights is there and has the length that it states. Reads only their heads."""
    if not (folder / CONFIG).is_file():
        raise ModelNotFound(f"There is no model at {folder} (no {CONFIG}).")
    _object(folder / CONFIG, remedy)
    shards = _shards(folder, remedy)
    if missing := sorted(name for name in shards if not (folder / name).is_file()):
        are = "is" if len(missing) == 1 else "are"
        raise WeightsDamaged(f"{_some(missing)} {are} missing in {folder}: {remedy}.")
    for name, tensors in shards.items():
        _check_shard(folder / name, tensors, remedy)


def has_chat_template(folder: Path) -> bool:
    if any((folder / name).is_file() for name in _TEMPLATES):
        return True
    stated = folder / "tokenizer_config.json"
    return stated.is_file() and bool(_object(stated, AS_COPIED).get("chat_template"))


def weight_files(folder: Path) -> list[Path]:
    """Those that vLLM reads, by name. A second set in its maker's own format isn't of them.

    Raises WeightsDamaged.
    """
    names = sorted(_shards(folder, AS_COPIED))
    others = [name for name in names if not name.startswith("consolidated")]
    return [folder / name for name in others or names]


def _shards(folder: Path, remedy: str) -> dict[str, set[str]]:
    """The files of weights, each with the tensors that the index says it has."""
    index = folder / INDEX
    if not index.is_file():
        found: dict[str, set[str]] = {path.name: set() for path in folder.glob("*.safetensors")}
        if not found:
            raise WeightsDamaged(f"{folder} has no *.safetensors: {remedy}.")
        return found | {name: set() for name in _untold(found)}
    weight_map = _object(index, remedy).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise WeightsDamaged(f"{index} names no weights: {remedy}.")
    shards: dict[str, set[str]] = {}
    for tensor, name in weight_map.items():
        if not isinstance(name, str) or not name or Path(name).name != name:
            raise WeightsDamaged(f"{index} names {str(name)[:80]!r}, which is no file beside it.")
        shards.setdefault(name, set()).add(tensor)
    return shards


def _untold(found: Iterable[str]) -> set[str]:
    """Where no index says what there is: the other numbers of names as `model-00001-of-00003`."""
    untold = set()
    for name in found:
        if of := _NUMBERED.fullmatch(name):
            start, number, end, count = of.groups()
            numbers = range(1, min(int(count), MOST_SHARDS) + 1)
            untold |= {f"{start}{one:0{len(number)}}{end}" for one in numbers}
    return untold.difference(found)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def _check_shard(path: Path, tensors: set[str], remedy: str) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="np") as opened:
            missing = tensors - set(opened.keys())
    except (SafetensorError, OSError) as error:
        # Its head says how long it is; so a file that was cut short is found out here.
        raise WeightsDamaged(f"{path} is damaged ({error}): {remedy}.") from error
    if missing:
        raise WeightsDamaged(
            f"{path} lacks {len(missing)} tensors that {INDEX} names ({min(missing)}): {remedy}."
        )


def _object(path: Path, remedy: str) -> dict[str, Any]:
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise WeightsDamaged(f"{path} can't be read: {remedy}.") from error
    if not isinstance(stated, dict):
        raise WeightsDamaged(f"{path} is no JSON object: {remedy}.")
    return stated
