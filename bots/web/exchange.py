"""What the page shows of a conversation: questions and the reply to them, turn by turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from assistant.messages import FINAL_STATES, HistoryEntry, TurnState
from bots.web.markdown import MarkdownPage


@dataclass(slots=True)
class Exchange:
    """One turn. A live one has no `reply`: the page follows its stream, which brings all of it.

    `waits` for the end of the answer before it.
    """

    turn_id: int
    state: TurnState
    questions: list[str] = field(default_factory=list)
    reply: list[str] = field(default_factory=list)  # HTML, block by block
    error: str = ""
    waits: bool = False

    @property
    def live(self) -> bool:
        return self.state not in FINAL_STATES


def exchanges(entries: Sequence[HistoryEntry], markdown: MarkdownPage) -> list[Exchange]:
    by_turn: dict[int, Exchange] = {}
    for entry in entries:
        if entry.turn_id not in by_turn:
            behind = entry.state == "queued" and any(one.live for one in by_turn.values())
            by_turn[entry.turn_id] = Exchange(entry.turn_id, entry.state, waits=behind)
        exchange = by_turn[entry.turn_id]
        exchange.error = entry.error or exchange.error
        if entry.role == "user":
            exchange.questions.append(entry.text)
        elif not exchange.live:
            exchange.reply = markdown.html(entry.text)
    return list(by_turn.values())
