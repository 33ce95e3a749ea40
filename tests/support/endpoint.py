"""The fake of an OpenAI-compatible endpoint, for one test of the profile `remote`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.fakes.openai_server import OpenAiServer


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[OpenAiServer]:
    server = OpenAiServer()
    await server.start()
    yield server
    await server.stop()
