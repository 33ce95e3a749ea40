"""One browser for the tests of a file, in the loop that the servers' fixtures use."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from tests.support.chromium import chromium


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def admin_browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running
