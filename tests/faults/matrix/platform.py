"""What a run needs of a platform, whichever it is: to ask, to disturb, and to see."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

PLACEHOLDER = "…"
WAITS = re.compile(r"\d+ before you…?")  # who waits for long is told so in the placeholder's place
Call = Literal["post", "edit"]
Ailment = Literal["busy", "broken", "slow", "cut", "lost"]


def says_nothing(text: str) -> bool:
    """Nothing of an answer yet."""
    return text.strip() in ("", PLACEHOLDER) or WAITS.fullmatch(text.strip()) is not None


@dataclass(frozen=True, slots=True)
class Shown:
    """One message of the bot's: every text that it ever had, the last one first to be believed."""

    message_id: str
    texts: Sequence[str]
    deleted: bool = False

    @property
    def text(self) -> str:
        return self.texts[-1]

    @property
    def empty(self) -> bool:
        return self.text.strip() in ("", PLACEHOLDER)


class Platform(Protocol):
    """A fake platform of one lane. A chat is a private one of one person."""

    @property
    def name(self) -> str: ...

    @property
    def slow_edit_seconds(self) -> float:
        """How long an edit takes at the platform's own pace."""
        ...

    def new_chat(self) -> str: ...

    def ask(self, chat: str, text: str) -> str:
        """A person writes; returns the message's id."""
        ...

    def redeliver(self, chat: str, message_id: str) -> None:
        """The event comes once more, as if it had never been acknowledged."""
        ...

    def edit(self, chat: str, message_id: str, text: str) -> None:
        """The person changes what they wrote."""
        ...

    def delete(self, chat: str, message_id: str) -> None:
        """The person takes it back."""
        ...

    def press_stop(self, chat: str) -> bool:
        """The person presses the button; False where none is to be seen."""
        ...

    def idle(self) -> bool:
        """Everything that people did was taken in."""
        ...

    def acknowledged(self, chat: str, message_id: str) -> bool: ...

    def shown(self, chat: str) -> Sequence[Shown]:
        """What the bot ever wrote there, in the order in which it stands."""
        ...

    def keep_limits(self, strict: bool) -> None:
        """Enforce the platform's rates from now on, or none."""
        ...

    def ail(self, call: Call, ailment: Ailment, times: int) -> None:
        """What the next calls meet. busy: 429. broken: 500. slow: no answer in time, though it
        was carried out. cut: the connection is closed, and nothing was done. lost: it was done,
        and the connection is closed."""
        ...

    def heal(self) -> None:
        """Forget ailments that nothing met."""
        ...
