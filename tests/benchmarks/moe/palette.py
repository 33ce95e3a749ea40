"""The picture's colours, on light and on dark ground."""

from __future__ import annotations

# For up to seven lines, in the order in which they come; beyond that they begin anew.
LIGHT = ("#1d4ed8", "#0e7490", "#6d28d9", "#c2410c", "#15803d", "#be185d", "#854d0e")
DARK = ("#7aa2ff", "#3fc7dd", "#b79bff", "#ff9b61", "#5fd38a", "#ff85b8", "#e0b24f")


def style() -> str:
    light = _colours("#ffffff", "#1f2328", "#59636e", "#e3e6ea", LIGHT)
    dark = _colours("#0d1117", "#e6edf3", "#9198a1", "#2a313a", DARK)
    lines = "".join(
        f".s{one} {{ stroke: var(--s{one}); }} .t{one} {{ fill: var(--s{one}); }} "
        for one in range(len(LIGHT))
    )
    return (
        f"svg {{ {light} }} "
        f"@media (prefers-color-scheme: dark) {{ svg {{ {dark} }} }} "
        "text { font: 12px system-ui, sans-serif; fill: var(--quiet); } "
        ".title { font-size: 17px; font-weight: 600; fill: var(--ink); } "
        ".panel { font-size: 13px; font-weight: 600; fill: var(--ink); } "
        ".unit { font-weight: 400; fill: var(--quiet); } "
        ".label { font-weight: 600; } .ground { fill: var(--ground); } "
        ".grid { stroke: var(--grid); } .minor { stroke: var(--grid); stroke-opacity: 0.5; } "
        ".line { fill: none; stroke-width: 1.6; } .first { stroke-width: 3; } "
        ".spread { stroke-width: 4; stroke-opacity: 0.3; } "
        ".dot { stroke: var(--ground); stroke-width: 1; } "
        ".roof { fill: none; stroke: var(--ink); stroke-width: 1.6; stroke-dasharray: 5 4; } "
        ".rooftext { fill: var(--ink); font-weight: 600; } "
        f"{lines}"
    )


def _colours(ground: str, ink: str, quiet: str, grid: str, series: tuple[str, ...]) -> str:
    named = {"ground": ground, "ink": ink, "quiet": quiet, "grid": grid}
    named |= {f"s{one}": colour for one, colour in enumerate(series)}
    return " ".join(f"--{name}: {colour};" for name, colour in named.items())
