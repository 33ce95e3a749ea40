"""What somebody said, quoted before a person's own words with who said it. Pure."""

from __future__ import annotations


def quoted(name: str, said: str) -> str:
    """As a Markdown quote, line by line, so that nothing in it can pass for anything else."""
    lines = f"{name or 'Somebody'} wrote: {said}".splitlines()
    return "\n".join(f"> {line}".rstrip() for line in lines)


def shortened(said: str, most: int) -> str:
    """The beginning, cut at a word."""
    if len(said) <= most:
        return said
    gaps = [n for n, one in enumerate(said[: most + 1]) if one.isspace() and n >= most // 2]
    whole = said[: gaps[-1]].rstrip() if gaps else ""
    return f"{whole or said[:most]} …"
