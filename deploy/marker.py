"""What is installed already, so that a second `make run` starts at once."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

_NAME = "outrider-installed.json"


def fingerprint(root: Path) -> str:
    """Changes with the requirements, the constraints and the Python; not with a linter's option."""
    import tomllib  # not in the older Pythons that machine.py refuses first

    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    digest = hashlib.sha256(json.dumps([project["build-system"], project["project"]]).encode())
    for path in sorted((root / "deploy").glob("constraints*.txt")):
        digest.update(path.read_bytes())
    digest.update(f"{sys.version}{sys.base_prefix}{root.resolve()}".encode())
    return digest.hexdigest()


def installed_extras(venv: Path, expected: str) -> frozenset[str]:
    """The extras that were installed with this fingerprint; none where anything is in doubt."""
    try:
        marker = json.loads((venv / _NAME).read_text(encoding="utf-8"))
        return frozenset(marker["extras"]) if marker["fingerprint"] == expected else frozenset()
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()


def mark(venv: Path, fingerprint: str, extras: frozenset[str]) -> None:
    text = json.dumps({"fingerprint": fingerprint, "extras": sorted(extras)})
    (venv / _NAME).write_text(text + "\n", encoding="utf-8")


def unmark(venv: Path) -> None:
    (venv / _NAME).unlink(missing_ok=True)
