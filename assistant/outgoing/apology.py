"""A reply can't be shown, for a reason that is ours to repair: the person is told of it."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.channel import FAILED
from assistant.outgoing.outbox import Outbox
from assistant.phrases import Phrase, say

FAULT = Phrase("error.internal")


@dataclass(frozen=True, slots=True)
class Apology:
    """`in_place` of the reply's last message, if there is one; else only where nothing stands."""

    outbox: Outbox
    in_place: bool

    async def carry_out(self) -> None:
        """Raises ChannelError, DeliveryLost, StorageUnavailable."""
        posted = await self.outbox.posted()
        if posted and not self.in_place:
            return
        position = max(posted, default=0)
        message_id = posted.get(position) or await self.outbox.post(position)
        await self.outbox.permit("final", message_id)
        told = FAILED + say(FAULT, self.outbox.one.language)
        await self.outbox.edit(position, message_id, told, final=True, last=True, failed=True)
