"""Maintenance: an admin lets nothing new in for a while, and who asks is told so.

What was taken in before is answered, and orders are carried out as ever; only what would begin an
answer is refused, in words, so nobody waits for one.
"""

from __future__ import annotations

from dataclasses import dataclass

from assistant.errors import UnderMaintenance
from assistant.phrases import Phrase
from assistant.settings import AssistantSettings


@dataclass(frozen=True, slots=True)
class Maintenance:
    """`settings` change while Outrider runs."""

    settings: AssistantSettings

    @property
    def on(self) -> bool:
        return self.settings.maintenance

    def check(self) -> None:
        """Raises UnderMaintenance, with what the person is told, while it is on."""
        if not self.on:
            return
        if said := self.settings.maintenance_message.strip():
            raise UnderMaintenance(Phrase("refused.maintenance_because", {"message": said}))
        raise UnderMaintenance(Phrase("refused.maintenance"))
