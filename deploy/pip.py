"""Run the virtual environment's pip: quiet, logged, and its failures in one sentence."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

Say = Callable[[str], None]

_BIG = re.compile(r"(?:Downloading|Using cached) (?:\S*/)?(\w+)-\S+ \(([\d.]+ [MG]B)\)")
_BIG_MB = 20.0
_NETWORK = re.compile(
    "NewConnectionError|NameResolutionError|Temporary failure in name|Max retries exceeded|"
    "Network is unreachable|timed out|Connection (?:refused|reset|broken)|ProxyError|SSLError|"
    "ConnectTimeoutError|No matching distribution found|HTTP error 5"
)


class PipFailed(Exception):
    """`str()` is one sentence that says what to do."""


class Pip:
    """One virtual environment's pip. Everything that it says is appended to `log`."""

    def __init__(self, python: Path, constraints: Path, log: Path, say: Say) -> None:
        self._command = [str(python), "-m", "pip", "--no-input", "--disable-pip-version-check"]
        # The build of the project itself happens apart and hears of constraints only this way.
        # As addresses, since pip cuts these variables at spaces.
        self._variables = {
            "PIP_CONSTRAINT": constraints.as_uri(),
            "PIP_BUILD_CONSTRAINT": constraints.as_uri(),
        }
        self._log = log
        self._say = say

    def succeeds(self, *arguments: str) -> bool:
        return self._run(arguments)[0] == 0

    def install(self, *arguments: str) -> None:
        """Raises PipFailed."""
        status, output = self._run(["install", "--progress-bar", "off", *arguments])
        if status != 0:
            raise PipFailed(explain(output, self._log))

    def _run(self, arguments: list[str] | tuple[str, ...]) -> tuple[int, str]:
        lines: list[str] = []
        with (
            self._log.open("a", encoding="utf-8") as log,
            subprocess.Popen(
                [*self._command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self._variables},
                text=True,
                errors="replace",
            ) as process,
        ):
            for line in process.stdout or ():
                log.write(line)
                lines.append(line)
                note = progress(line)
                if note:
                    self._say(note)
        return process.returncode, "".join(lines)


def progress(line: str) -> str:
    """What a line of pip's means to somebody who waits; empty for most."""
    big = _BIG.search(line)
    if big:
        name, size = big.group(1), big.group(2)
        megabytes = float(size[:-3]) * (1000 if size.endswith("GB") else 1)
        return f"  fetched {name} ({size})" if megabytes >= _BIG_MB else ""
    if line.startswith("Installing collected packages:"):
        return f"  unpacking {line.count(',') + 1} packages, the longest part …"
    return ""


def explain(output: str, log: Path) -> str:
    """One sentence for a failed run."""
    if "No space left on device" in output:
        return f"The disk is full: make room and try again (pip's words are in {log})."
    if _NETWORK.search(output):
        return (
            "pip can't get a package from the sources it is configured with: check the network "
            f"and `pip config list`, then try again (pip's words are in {log})."
        )
    errors = [line.strip() for line in output.splitlines() if line.startswith("ERROR:")]
    reason = errors[-1][len("ERROR:") :].strip() if errors else "no reason given"
    return f"pip failed: {reason.rstrip('.')} (all of it is in {log})."
