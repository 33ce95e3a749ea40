"""How a bot gets its updates: getUpdates or a webhook, never both."""

from __future__ import annotations

from typing import Any

from tests.fakes.telegram.chats import Fields
from tests.fakes.telegram.methods.calling import Calling
from tests.fakes.telegram.refusals import Refused


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
        limit = min(int(params.get("limit", 100)), 100)
        return await self.bot.queue.take(
            int(params.get("offset", 0)), limit, float(params.get("timeout", 0))
        )

    async def on_setwebhook(self, params: Fields) -> Any:
        self.bot.webhook = params if params.get("url") else {}
        if "allowed_updates" in params:
            self.bot.queue.allowed = params["allowed_updates"]
        self._drop(params)
        return True

    async def on_deletewebhook(self, params: Fields) -> Any:
        self.bot.webhook = {}
        self._drop(params)
        return True

    def _drop(self, params: Fields) -> None:
        if params.get("drop_pending_updates") is True:
            self.bot.dropped_pending += 1
            self.bot.queue.pending.clear()
