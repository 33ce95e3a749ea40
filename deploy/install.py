"""Make the virtual environment that the Makefile's targets run in.

Standard library only. Without an extra it installs what a gateway needs: neither torch nor vLLM.
What is installed already is left alone; an interrupted installation is simply done again.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

from deploy.machine import first_lack
from deploy.marker import fingerprint, installed_extras, mark, unmark
from deploy.pip import Pip
from deploy.stubs import write_stubs

ROOT = Path(__file__).resolve().parent.parent
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
KNOWN_EXTRAS = frozenset({"cpu", "dev"})


class InstallationFailed(Exception):
    """`str()` is one sentence that says what to do."""


def say(line: str) -> None:
    print(line, flush=True)


def ensure_installed(root: Path, wanted: frozenset[str]) -> None:
    """Raises InstallationFailed, PipFailed."""
    venv, cache = root / ".venv", root / ".cache"
    cache.mkdir(exist_ok=True)
    with (cache / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two targets at once: the second one finds it done
        expected = fingerprint(root)
        present = installed_extras(venv, expected)
        if (venv / "bin" / "outrider").exists() and wanted <= present:
            return
        _install(root, wanted | present)
        mark(venv, expected, wanted | present)


def _install(root: Path, extras: frozenset[str]) -> None:
    lack = first_lack(root, model="cpu" in extras)
    if lack:
        raise InstallationFailed(lack)
    log = root / ".cache" / "install.log"
    log.write_text("", encoding="utf-8")
    _ensure_venv(root / ".venv", log)
    unmark(root / ".venv")
    constraints = root / "deploy" / "constraints.txt"
    pip = Pip(root / ".venv" / "bin" / "python", constraints, log, say)
    arguments = ["-c", str(constraints)]
    if "cpu" in extras:
        arguments += _prepare_cpu(root, pip)
    say("Outrider: installing the exact versions of deploy/constraints.txt …")
    target = f"{root}[{','.join(sorted(extras))}]" if extras else str(root)
    pip.install(*arguments, "-e", target)
    say("Outrider: installed.")


def _prepare_cpu(root: Path, pip: Pip) -> list[str]:
    """Have the CPU's torch and the stand-ins ready; returns further arguments for pip."""
    constraints = root / "deploy" / "constraints-cpu.txt"
    text = constraints.read_text(encoding="utf-8")
    stubs = root / ".cache" / "stubs"
    write_stubs(stubs, text)
    ensure_torch(pip, next(line for line in text.splitlines() if line.startswith("torch==")))
    return ["-c", str(constraints), "--find-links", str(stubs)]


def ensure_torch(pip: Pip, requirement: str, index: str = TORCH_INDEX) -> None:
    """Install torch from PyTorch's own index where pip's configured sources lack this build.

    Alone and without its dependencies, so that nothing else ever comes from there.
    """
    say(f"Outrider: looking for {requirement} …")
    if pip.succeeds("install", "--dry-run", "--no-deps", requirement):
        return
    say("Outrider: pip's sources don't have it, so it comes from PyTorch's own CPU index …")
    pip.install("--no-deps", "--index-url", index, requirement)


def _ensure_venv(venv: Path, log: Path) -> None:
    """A virtual environment of this Python with a pip that works; a broken one is replaced."""
    if _serves(venv):
        return
    say(f"Outrider: making a virtual environment in {venv} …")
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(venv)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        log.write_text(made.stdout + made.stderr, encoding="utf-8")
        raise InstallationFailed(
            f"The virtual environment {venv} could not be made (on Debian and Ubuntu it needs "
            f"python3-venv; what Python said is in {log})."
        )


def _serves(venv: Path) -> bool:
    python = venv / "bin" / "python"
    if not python.exists():
        return False
    probe = "import sys, pip; print(sys.version, sys.base_prefix)"
    found = subprocess.run(
        [str(python), "-c", probe],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() == f"{sys.version} {sys.base_prefix}".strip()
