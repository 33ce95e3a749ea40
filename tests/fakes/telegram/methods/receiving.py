"""How a bot gets its updates: getUpdates or a webhook, never both."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from tests.fakes.telegram.chats import Fields
from tests.fakes.telegram.methods.calling import Calling, whole_number
from tests.fakes.telegram.refusals import Refused, bad_request

PORTS = frozenset({443, 80, 88, 8443})
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})  # for tests: any port, without TLS
SECRET = re.compile(r"[A-Za-z0-9_-]*")


class Receiving(Calling):
    async def on_getupdates(self, params: Fields) -> Any:
        if self.bot.webhook:
            raise Refused(
                409,
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook "
                "to delete the webhook first",
            )
        if "allowed_updates" in params:
            self.bot.queue.allowed = params["allowed_updates"]
        limit = min(whole_number(params.get("limit", 100)) or 100, 100)
        wait = float(params.get("timeout", 0))
        return await self.bot.queue.take(whole_number(params.get("offset", 0)), limit, wait)

    async def on_setwebhook(self, params: Fields) -> Any:
        if not params.get("url"):
            return await self.on_deletewebhook(params)
        _check_address(str(params["url"]))
        secret = str(params.get("secret_token", ""))
        if len(secret) > 256:
            raise bad_request("secret token is too long")
        if not SECRET.fullmatch(secret):
            raise bad_request("secret token contains unallowed characters")
        self.bot.webhook = params
        if "allowed_updates" in params:
            self.bot.queue.allowed = params["allowed_updates"]
        self._drop(params)
        self.bot.queue.interrupt("Conflict: terminated by setWebhook request")
        return True

    async def on_deletewebhook(self, params: Fields) -> Any:
        self.bot.webhook = {}
        self._drop(params)
        return True

    async def on_getwebhookinfo(self, params: Fields) -> Any:
        hook = self.bot.webhook
        info = {
            "url": hook.get("url", ""),
            "has_custom_certificate": False,
            "pending_update_count": len(self.bot.queue.pending),
        }
        known = ("last_error_date", "last_error_message", "max_connections", "ip_address")
        info |= {name: hook[name] for name in known if name in hook}
        return info | (
            {"allowed_updates": self.bot.queue.allowed} if self.bot.queue.allowed else {}
        )

    def _drop(self, params: Fields) -> None:
        if params.get("drop_pending_updates") is True:
            self.bot.dropped_pending += 1
            self.bot.queue.pending.clear()


def _check_address(url: str) -> None:
    try:
        address = urlsplit(url)
        port = address.port
    except ValueError:
        raise bad_request("invalid webhook URL specified") from None
    if address.hostname in LOOPBACK:
        return
    if not address.hostname:
        raise bad_request("invalid webhook URL specified")
    if address.scheme != "https":
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if (port or 443) not in PORTS:
        raise bad_request("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
