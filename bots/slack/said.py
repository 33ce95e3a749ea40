"""What was dealt with: events and messages of which nothing is said, or fetched, again when Slack
delivers them again, or their twin.

What a message or an order does is done once anyhow, by what stands in Postgres; this spares words
and downloads.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Said:
    """The last `most` of them."""

    most: int
    _ids: dict[str, None] = field(default_factory=dict, init=False)

    def was(self, event_id: str) -> bool:
        return event_id in self._ids

    def note(self, event_id: str) -> None:
        if event_id:
            self._ids[event_id] = None
        while len(self._ids) > self.most:
            del self._ids[next(iter(self._ids))]
