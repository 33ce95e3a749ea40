"""Chromium for the tests of the pages: the system's where it can be had, else Playwright's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def system_browser() -> str | None:
    """The path of a Chromium or Chrome on PATH."""
    found = (shutil.which(name) for name in NAMES)
    return next((path for path in found if path), None)


def install_command(*, root: bool, apt: bool) -> list[str]:
    if root and apt:
        return ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"]
    return [sys.executable, "-m", "playwright", "install", "chromium"]


def main() -> int:
    browser = system_browser()
    if browser:
        print(f"Outrider: {browser} is here already.")
        return 0
    command = install_command(root=os.geteuid() == 0, apt=shutil.which("apt-get") is not None)
    print(f"Outrider: no Chromium is here; running {' '.join(command)}", flush=True)
    if command[0] == "apt-get":
        subprocess.run(["apt-get", "update"], stdin=subprocess.DEVNULL, check=False)
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
