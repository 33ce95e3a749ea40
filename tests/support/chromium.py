"""The machine's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Skips the test where there is none, or fails where OUTRIDER_REQUIRE_BROWSER=1 is set."""
    async with async_playwright() as playwright:
        executable = next(filter(None, map(shutil.which, _NAMES)), None)
        own = playwright.chromium.executable_path
        if executable is None and not Path(own).exists():
            _missing()
        as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = await playwright.chromium.launch(
            executable_path=executable, args=_ARGUMENTS + as_root
        )
        try:
            yield browser
        finally:
            await browser.close()


def _missing() -> None:
    reason = f"No browser: none of {', '.join(_NAMES)} is installed, nor Playwright's own."
    if os.environ.get("OUTRIDER_REQUIRE_BROWSER") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
