"""Our own code failed on a reply: the person is told, where the reply would stand."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.outbox import Outbox
from assistant.phrases import Phrase, say

FAULT = Phrase("error.internal")


@dataclass(frozen=True, slots=True)
class Apology:
    outbox: Outbox

    async def carry_out(self) -> None:
        """In the place of the reply's last message, of which nothing is known any more. Raises
        ChannelError, DeliveryLost, StorageUnavailable."""
        posted = await self.outbox.posted()
        position = max(posted, default=0)
        message_id = posted.get(position) or await self.outbox.post(position)
        await self.outbox.permit(final=True)
        told = f"⚠ {say(FAULT, self.outbox.one.language)}"
        await self.outbox.edit(position, message_id, told, final=True, last=True)
