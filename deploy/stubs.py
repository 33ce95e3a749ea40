"""Empty stand-ins for three packages that vLLM names and text never uses.

The usual builds of torchvision, torchaudio and torchcodec are for CUDA: beside a CPU torch they
fail to load and take the engine down. A wheel with nothing but metadata satisfies pip instead.
Their versions are those of constraints-cpu.txt that end in `+omitted`.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

_ENDING = "+omitted"
_DATE = (1980, 1, 1, 0, 0, 0)  # the same bytes each time


def omitted(constraints: str) -> list[tuple[str, str]]:
    """The (name, version) pairs in a constraints file that are to be left out."""
    pins = [line.strip().split("==") for line in constraints.splitlines() if "==" in line]
    return [(pin[0], pin[1]) for pin in pins if pin[1].endswith(_ENDING)]


def write_stubs(folder: Path, constraints: str) -> list[Path]:
    """Write a wheel for each omitted package and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_write_stub(folder, name, version) for name, version in omitted(constraints)]


def _write_stub(folder: Path, name: str, version: str) -> Path:
    info = f"{name}-{version}.dist-info"
    files = {
        f"{info}/METADATA": (
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            "Summary: Left out on purpose: Outrider's CPU set-up does not need it.\n"
        ),
        f"{info}/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: outrider\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = "".join(f"{path},{_digest(text)},{len(text)}\n" for path, text in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, _DATE), text)
    return wheel


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
