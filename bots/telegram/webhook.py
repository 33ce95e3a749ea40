"""Updates by webhook, instead of long polling: POST /webhooks/telegram, and for a further account
/webhooks/telegram/NAME.

200 says "received" and comes after the commit; 503 makes Telegram send the update again. Telegram
sends the updates of one chat one after the other, so their order holds.
"""

from __future__ import annotations

import hmac
import json
import re
from typing import Any

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from assistant.channel import Notices
from assistant.errors import StartupError, StorageUnavailable
from assistant.lines import Line
from assistant.messages import Arrival
from assistant.service import Assistant
from bots.telegram.addressing import BotIdentity
from bots.telegram.backoff import Backoff
from bots.telegram.bot import TelegramBot
from bots.telegram.persistence import Persistence
from bots.telegram.settings import DEFAULT, TelegramSettings, name_of
from bots.telegram.update import UpdateHandler

PATH = "/webhooks/telegram"
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105  the header's name
_SECRET = re.compile(r"[A-Za-z0-9_-]{16,256}")

_log = structlog.get_logger()


class TelegramWebhook:
    """`router` takes updates as soon as `run` has told Telegram where to send them."""

    def __init__(
        self,
        bot: TelegramBot,
        channel: Notices,
        assistant: Assistant,
        settings: TelegramSettings,
        *,
        retry_seconds: tuple[float, float] = (1.0, 30.0),
        line: Line | None = None,
    ) -> None:
        """Raises StartupError when the settings would let anybody in, or nobody."""
        self._path = path_of(channel.account)
        self._url, self._secret = checked(settings, channel.account)
        self._bot = bot
        self._handler = UpdateHandler(bot, channel, assistant)
        self._line = line or Line("telegram", channel.account, "webhook")
        self._calling = Persistence(channel.account, Backoff(*retry_seconds), self._line)
        self._identity: BotIdentity | None = None

    async def run(self) -> None:
        """Register the webhook, however long it takes; returns then. Every replica may do it."""
        self._identity = await self._calling.until_done(self._register)
        _log.info("telegram_webhook_set", username=self._identity.username)

    def router(self) -> APIRouter:
        routes = APIRouter()
        routes.add_api_route(self._path, self._take, methods=["POST"], include_in_schema=False)
        return routes

    async def _register(self) -> BotIdentity:
        identity = await self._bot.introduce()
        await set_webhook(self._bot, self._url, self._secret)
        return identity

    async def _take(self, request: Request) -> Response:
        given = request.headers.get(SECRET_HEADER, "")
        if not hmac.compare_digest(given.encode(), self._secret.encode()):
            _log.warning("telegram_request_refused")
            return PlainTextResponse("This did not come from Telegram.", status_code=401)
        try:
            update: Any = json.loads(await request.body())
        except (ValueError, RecursionError):
            return PlainTextResponse("The update can't be read.", status_code=400)
        self._line.hear()
        if self._identity is None:
            return PlainTextResponse("Not ready yet. Please send it again.", status_code=503)
        arrival = Arrival()
        try:
            await self._handler.handle([update], self._identity, arrival)
        except StorageUnavailable:
            return PlainTextResponse("Not stored. Please send it again.", status_code=503)
        arrival.acknowledge()
        return Response()


def path_of(account: str) -> str:
    return PATH if account == DEFAULT else f"{PATH}/{account}"


async def set_webhook(bot: TelegramBot, url: str, secret: str) -> None:
    """Raises TelegramError. What waits at Telegram comes then; nothing is dropped."""
    await bot.set_webhook(
        url,
        secret_token=secret,
        allowed_updates=bot.allowed_updates,
        drop_pending_updates=False,
    )


def checked(settings: TelegramSettings, account: str) -> tuple[str, str]:
    """Address and secret of an account. Raises StartupError where they would let anybody in, or
    nobody."""
    url, path = settings.webhook_url or "", path_of(account)
    if not url.startswith("https://") and settings.base_url.startswith("https://api.telegram.org"):
        raise StartupError(f"{name_of(account, 'webhook_url')} must begin with https://.")
    if not url.endswith(path):
        raise StartupError(f"{name_of(account, 'webhook_url')} must end in {path}.")
    secret = settings.webhook_secret.get_secret_value() if settings.webhook_secret else ""
    if not _SECRET.fullmatch(secret):
        raise StartupError(
            f"{name_of(account, 'webhook_secret')} must be set, with 16 to 256 of A-Z a-z 0-9 _ -."
        )
    return url, secret
