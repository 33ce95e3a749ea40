"""Events that were answered with a notice: when Slack delivers one again, it is not said again.

What an order does is done once anyhow, by what stands in Postgres; this is for the words alone.
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
