"""The packages that Outrider's own metadata asks for, compared with those that are installed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[[^]]*\])?\s*([^;]*)(?:;(.*))?$")
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")


@dataclass(frozen=True, slots=True)
class Requirement:
    """`bounds` are pairs of `==` or `>=` and a version; `extra` is "" for the base."""

    name: str
    bounds: tuple[tuple[str, str], ...]
    extra: str

    @property
    def text(self) -> str:
        return self.name + ",".join(sign + version for sign, version in self.bounds)

    def met_by(self, version: str) -> bool:
        return all(_holds(version, sign, bound) for sign, bound in self.bounds)


def parse_requirement(text: str) -> Requirement | None:
    """None for text that is not `name[extras]>=1,==2; marker` with these two signs."""
    match = _REQUIREMENT.match(text.strip())
    if match is None:
        return None
    name, specifiers, marker = match.groups()
    bounds = []
    for one in filter(None, (part.strip() for part in specifiers.split(","))):
        if one[:2] not in ("==", ">="):
            return None
        bounds.append((one[:2], one[2:].strip()))
    extra = _EXTRA.search(marker or "")
    return Requirement(name, tuple(bounds), extra[1] if extra else "")


def lacking(
    requirements: Iterable[Requirement], version_of: Callable[[str], str | None]
) -> list[str]:
    """A phrase for each package that is missing or of another version."""
    phrases = []
    for one in requirements:
        version = version_of(one.name)
        if version is None:
            phrases.append(f"{one.text} is not installed")
        elif not one.met_by(version):
            phrases.append(f"{one.text} is needed and {version} is installed")
    return phrases


def installed_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _holds(version: str, sign: str, bound: str) -> bool:
    ours, wanted = _numbers(version), _numbers(bound)
    length = max(len(ours), len(wanted))
    ours, wanted = (one + (0,) * (length - len(one)) for one in (ours, wanted))
    return ours == wanted if sign == "==" else ours >= wanted


def _numbers(version: str) -> tuple[int, ...]:
    """The release's numbers: `2.13.0+cpu` is (2, 13, 0), `5rc1` is (5,)."""
    release = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return tuple(map(int, release[1].split("."))) if release else ()
