"""What the picture of the experts' benchmark shows: read back, as its reader would."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from xml.etree import ElementTree

_SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True, slots=True)
class Dot:
    """`told`: the median in the dot's own words, in µs; `tokens` and `time`: where it stands, read
    from the marks at the axes."""

    panel: str
    who: str
    said_tokens: int
    told: float
    tokens: float
    time: float


def dots(drawing: str) -> list[Dot]:
    found = []
    for panel in ElementTree.fromstring(drawing).iter(f"{_SVG}g"):
        name = next(one for one in panel.iter(f"{_SVG}text") if one.get("class") == "panel")
        tokens, time = _axis(panel, "x", 0), _axis(panel, "y", 4)  # numbers stand below their line
        for dot in panel.iter(f"{_SVG}circle"):
            said = re.fullmatch(r"(.+), (\d+) tokens: (.+) µs", dot[0].text or "")
            assert said is not None, dot[0].text
            places = float(dot.get("cx") or 0), float(dot.get("cy") or 0)
            read = tokens(places[0]), time(places[1])
            found.append(Dot(str(name.text), said[1], int(said[2]), float(said[3]), *read))
    return found


def texts(drawing: str) -> list[str]:
    return [text for one in ElementTree.fromstring(drawing).iter() if (text := one.text)]


def _axis(panel: ElementTree.Element, kind: str, below: float) -> Callable[[float], float]:
    """From a place to a value, by the lowest and the highest mark."""
    marks = sorted(
        (float((one.text or "").replace(",", "")), float(one.get(kind) or 0))
        for one in panel.iter(f"{_SVG}text")
        if one.get("class") == kind
    )
    (low, start), (high, end) = marks[0], marks[-1]
    return lambda place: low * (high / low) ** ((place + below - start) / (end - start))
