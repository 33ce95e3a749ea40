"""A reply as its reader holds it, put together from deltas."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.messages import ReplyDelta


@dataclass(slots=True)
class ReplyText:
    """Keeps the rules of ReplyDelta: newest attempt only, truncate to the offset, then append."""

    text: str = ""
    attempt: int = 0
    last: ReplyDelta | None = None  # the delta that ended the reply

    def apply(self, delta: ReplyDelta) -> None:
        if delta.attempt < self.attempt:
            return
        self.attempt = delta.attempt
        self.text = self.text[: delta.offset] + delta.text
        if delta.state is not None:
            self.last = delta
