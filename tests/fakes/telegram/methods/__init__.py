"""The methods of the Bot API that Outrider calls, as one bot calls them."""

from __future__ import annotations

from typing import Any

from tests.fakes.telegram.chats import Chat, Fields
from tests.fakes.telegram.methods.drafts import Drafts
from tests.fakes.telegram.methods.edits import Edits
from tests.fakes.telegram.methods.messages import Messages
from tests.fakes.telegram.methods.profile import Profile
from tests.fakes.telegram.methods.queries import Queries
from tests.fakes.telegram.methods.receiving import Receiving
from tests.fakes.telegram.refusals import Refused


class Methods(Messages, Edits, Drafts, Queries, Profile, Receiving):
    async def call(self, name: str, params: Fields) -> Any:
        """Raises Refused."""
        method = getattr(self, f"on_{name.lower()}", None)
        if method is None:
            raise Refused(404, "Not Found: method not found")
        return await method(params)

    # What tests look at.

    @property
    def chats(self) -> dict[int, Chat]:
        return self.world.groups | self.bot.chats

    @property
    def queries(self) -> set[str]:
        return self.bot.queries

    @property
    def commands(self) -> list[Fields]:
        """Those for everybody, in no language in particular."""
        return self.bot.commands.get(('{"type": "default"}', ""), [])

    @property
    def webhook(self) -> Fields:
        return self.bot.webhook

    @webhook.setter
    def webhook(self, webhook: Fields) -> None:
        self.bot.webhook = webhook

    @property
    def files(self) -> dict[str, bytes]:
        return self.world.files
