"""The real slack-sdk, aimed at a fake Slack."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import FakeSlack


def library(slack: FakeSlack, token: str = FakeSlack.bot_token) -> AsyncWebClient:
    made = AsyncWebClient(token, base_url=f"{slack.url}/api/", retry_handlers=[])
    made.proxy = None
    return made


async def refusal(call: Awaitable[Any]) -> str:
    """Slack's code for its no."""
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])
