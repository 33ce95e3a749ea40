"""Buttons under a reply: what each does. A press that comes again does nothing twice."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.accounts import Account
from assistant.incoming.control import Control
from assistant.incoming.persons import Persons
from assistant.messages import ButtonPressed
from assistant.orders.feedback import Feedback
from assistant.phrases import Phrase


@dataclass(frozen=True, slots=True)
class Buttons:
    """Whoever calls has checked that the turn is of this chat, and that the person may talk."""

    control: Control
    persons: Persons
    feedback: Feedback

    async def press(self, account: Account, pressed: ButtonPressed) -> Phrase | None:
        """Returns a short word for the person."""
        match pressed.action:
            case "stop":
                await self.control.stop(pressed.turn_id)
                return None
            case "retry":
                again = await self.control.retry(pressed.turn_id)
                return None if again is not None else Phrase("button.answering")
            case "up":
                return await self._rate(account, pressed, 1)
            case "down":
                return await self._rate(account, pressed, -1)

    async def _rate(self, account: Account, pressed: ButtonPressed, value: int) -> Phrase | None:
        person = await self.persons.find(account, pressed.sender_id, pressed.sender_name)
        became = await self.feedback.give(pressed.turn_id, person, value, pressed.event_id)
        return Phrase(f"button.{became}") if became else None
