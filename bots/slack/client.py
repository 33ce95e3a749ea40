"""One account's Web API client: one session, a time limit on each call, no retries of its own."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.errors import code_of, of_answer, of_connection
from bots.slack.identity import BotIdentity
from bots.slack.settings import SlackSettings

CALL_TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=5)

Answer = dict[str, Any]


@asynccontextmanager
async def web_client(settings: SlackSettings) -> AsyncIterator[AsyncWebClient]:
    """A client for the bot token; talks to nobody until the first call."""
    token = settings.bot_token.get_secret_value() if settings.bot_token else None
    async with aiohttp.ClientSession(timeout=CALL_TIMEOUT, trust_env=True) as session:
        client = AsyncWebClient(
            token,
            base_url=settings.api_url,
            session=session,
            retry_handlers=[],  # the governor decides when a call is repeated
            logger=_silent_logger(),
        )
        client.proxy = None  # the session reads the environment, and NO_PROXY with it
        yield client


async def call(
    request: Callable[..., Awaitable[Any]],
    /,
    *,
    repeatable: bool = True,
    success: str = "",
    **arguments: Any,
) -> Answer:
    """Call one method of the client. Raises ChannelError, never the library's own errors.

    `repeatable` is False where a call that got no answer may have left something behind.
    `success` is an error code that means that all is well; the answer is then empty.
    """
    try:
        response = await request(**arguments)
        return response.data if isinstance(response.data, dict) else {}
    except SlackApiError as error:
        if success and code_of(error.response) == success:
            return {}
        raise of_answer(error, repeatable=repeatable) from error
    except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as error:
        raise of_connection(error, repeatable=repeatable) from error
    except (AttributeError, ValueError) as error:  # an answer that is not Slack's JSON
        raise of_connection(error, repeatable=repeatable) from error


async def connect(client: AsyncWebClient) -> BotIdentity:
    """Ask Slack who the token belongs to. Raises CredentialsRefused and other ChannelErrors."""
    answer = await call(client.auth_test)
    return BotIdentity(
        user_id=str(answer.get("user_id", "")),
        bot_id=str(answer.get("bot_id", "")),
        team_id=str(answer.get("team_id", "")),
        enterprise_id=str(answer.get("enterprise_id") or ""),
    )


def _silent_logger() -> logging.Logger:
    """The library logs texts, and addresses that are keys; ours says what there is to say."""
    logger = logging.Logger("slack_sdk", logging.CRITICAL)
    logger.addHandler(logging.NullHandler())
    return logger
