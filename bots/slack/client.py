"""The Web API's clients: a time limit on each call, no retries of their own."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp
from pydantic import SecretStr
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bots.slack.errors import TokenDead, code_of, of_answer, of_connection
from bots.slack.identity import BotIdentity
from bots.slack.settings import SlackSettings

CALL_TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=5)

Answer = dict[str, Any]
Client = TypeVar("Client", bound=AsyncWebClient)


class WatchedClient(AsyncWebClient):
    """Says so when Slack doesn't know its token any more, whichever call it was."""

    on_dead_token: Callable[[], None]

    async def api_call(self, api_method: str, **arguments: Any) -> AsyncSlackResponse:
        try:
            return await super().api_call(api_method, **arguments)
        except SlackApiError as error:
            if isinstance(of_answer(error, repeatable=False), TokenDead):
                self.on_dead_token()
            raise


@asynccontextmanager
async def slack_session() -> AsyncIterator[aiohttp.ClientSession]:
    """One for the clients of all workspaces."""
    async with aiohttp.ClientSession(timeout=CALL_TIMEOUT, trust_env=True) as session:
        # trust_env is for proxies; what ~/.netrc holds can't stand beside the token.
        vars(session)["_get_netrc_auth"] = _no_auth
        yield session


@asynccontextmanager
async def web_client(settings: SlackSettings) -> AsyncIterator[AsyncWebClient]:
    """A client for the bot token, with a session of its own."""
    async with slack_session() as session:
        yield client_of(settings, settings.bot_token, session)


def client_of(
    settings: SlackSettings, token: SecretStr | None, session: aiohttp.ClientSession
) -> AsyncWebClient:
    """Talks to nobody until the first call."""
    return _prepared(AsyncWebClient, settings, token, session)


def watched_client(
    settings: SlackSettings,
    token: SecretStr,
    session: aiohttp.ClientSession,
    on_dead_token: Callable[[], None],
) -> AsyncWebClient:
    """For a token that its workspace may take away at any time."""
    client = _prepared(WatchedClient, settings, token, session)
    client.on_dead_token = on_dead_token
    return client


def _prepared(
    kind: type[Client],
    settings: SlackSettings,
    token: SecretStr | None,
    session: aiohttp.ClientSession,
) -> Client:
    client = kind(
        token.get_secret_value() if token else None,
        base_url=settings.api_url,
        session=session,
        retry_handlers=[],  # the governor decides when a call is repeated
        logger=_silent_logger(),
    )
    client.proxy = None  # the session reads the environment, and NO_PROXY with it
    return client


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


def _no_auth(_host: str) -> None:
    return None


def _silent_logger() -> logging.Logger:
    """The library logs texts, and addresses that are keys; ours says what there is to say."""
    logger = logging.Logger("slack_sdk", logging.CRITICAL)
    logger.addHandler(logging.NullHandler())
    return logger
