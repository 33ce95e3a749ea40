"""Which table of tilings a card has: a JSON file, tuned on it or shipped with this package.

A file is data from outside. One that is damaged, or made for another card or by another version,
is named in a sentence of the log, and the next best is used.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from inference.kernels.moe.tiling import ANY_NUMBER, DEFAULT, Cut, Tiling

FOLDER = "kernels"  # in the data directory: the tables that were tuned here
KIND = "outrider-moe-tilings"
VERSION = 1  # of the file and of the kernels it was measured with: another one means nothing here
SHIPPED = Path(__file__).with_name("cards")
_MOST_BYTES = 1 << 20  # no table comes near it

_LOG = logging.getLogger(__name__)
_Made = TypeVar("_Made", Cut, Tiling)


class BadTable(ValueError):
    """The sentence says which file it is, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class CardTable:
    """`card`: as the driver names it, or for a shipped one its model. `origin`: where the numbers
    come from, in words for people."""

    card: str
    origin: str
    tilings: Sequence[Tiling]


def table_for(card: str, folder: Path | None) -> Sequence[Tiling]:
    """The tuned table of `card` in `folder`, else the shipped one, else the default one.

    Never raises: what can't be used is said in the log.
    """
    for path, name in _candidates(card, folder):
        try:
            return read_table(path, name).tilings
        except FileNotFoundError:
            continue
        except BadTable as error:
            _LOG.warning(
                "%s The defaults are used; 'outrider kernels tune' writes the file anew.", error
            )
    return DEFAULT


def _candidates(card: str, folder: Path | None) -> Sequence[tuple[Path, str]]:
    """Files, and the card that each must be for."""
    tuned = [(table_path(folder, card), card)] if folder is not None and file_name(card) else []
    words = file_name(card).split("-")
    shipped = [(path, path.stem.upper()) for path in SHIPPED.glob("*.json") if path.stem in words]
    return tuned + shipped


def table_path(folder: Path, card: str) -> Path:
    return folder / f"{file_name(card)}.json"


def file_name(card: str) -> str:
    """A card's name as part of a file's: `NVIDIA H100 80GB HBM3` -> `nvidia-h100-80gb-hbm3`."""
    return re.sub(r"[^a-z0-9]+", "-", card.lower()).strip("-")[:80]


def write_table(path: Path, table: CardTable) -> None:
    """Whole or not at all: a start that reads meanwhile finds the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = [asdict(one) for one in table.tilings]
    for entry in entries:
        if entry["most_tokens"] >= ANY_NUMBER:
            entry["most_tokens"] = None
    written = {"kind": KIND, "version": VERSION, "card": table.card, "origin": table.origin}
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(written | {"tilings": entries}, indent=1) + "\n", "utf-8")
    beside.replace(path)


def read_table(path: Path, card: str) -> CardTable:
    """Raises FileNotFoundError, and BadTable where the file can't be read, isn't whole, or is for
    another card or version."""
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            raise ValueError("it is too large")
        return _table(json.loads(text), card)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise BadTable(f"The kernels' table {path} can't be used ({reason}).") from error


def _table(found: Any, card: str) -> CardTable:
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise ValueError("it is no table of tilings")
    if found.get("version") != VERSION:
        raise ValueError("it was made by another version")
    if found.get("card") != card:
        raise ValueError(f"it was made for the card {found.get('card')!r:.80}, not {card!r:.80}")
    entries = found.get("tilings")
    if not isinstance(entries, list) or not entries:
        raise ValueError("it has no tilings")
    tilings = tuple(_tiling(entry) for entry in entries)
    limits = [one.most_tokens for one in tilings]
    if limits[-1] != ANY_NUMBER or any(a >= b for a, b in pairwise(limits)):
        raise ValueError("its numbers of tokens don't rise to one without an end")
    return CardTable(card, str(found.get("origin", "")), tilings)


def _tiling(entry: Any) -> Tiling:
    values = _values(entry, Tiling)
    most = ANY_NUMBER if values["most_tokens"] is None else values["most_tokens"]
    if type(most) is not int or type(values["direct"]) is not bool:
        raise ValueError("most_tokens is no number, or direct no truth value")
    if type(values["overlap"]) is not bool:
        raise ValueError("overlap is no truth value")
    gate_up, down = (Cut(**_values(values[name], Cut)) for name in ("gate_up", "down"))
    return Tiling(most, gate_up, down, direct=values["direct"], overlap=values["overlap"])


def _values(entry: Any, kind: type[_Made]) -> Mapping[str, Any]:
    names = {field.name for field in fields(kind)}
    if not isinstance(entry, dict) or entry.keys() != names:
        raise ValueError(f"a {kind.__name__.lower()} must have {sorted(names)} and nothing else")
    return entry
