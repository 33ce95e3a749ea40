"""Places in the queue: how many turns begin before one, as things stand.

All who ask share one look at the queue, which is at most LOOK_SECONDS old.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from assistant.storage.database import Database

LOOK_SECONDS = 2.0
MOST = 10_000  # of the queue; who stands behind that is told nothing

# As they would be claimed: without those whose conversation has one running or before them.
IN_ORDER = """
SELECT id FROM turns AS waiting WHERE state = 'queued' AND id > 0 AND NOT EXISTS (
    SELECT FROM turns AS busy
    WHERE busy.conversation_id = waiting.conversation_id AND busy.state = 'running')
AND NOT EXISTS (
    SELECT FROM turns AS earlier
    WHERE earlier.conversation_id = waiting.conversation_id AND earlier.state = 'queued'
        AND coalesce(earlier.place, earlier.id) < coalesce(waiting.place, waiting.id))
ORDER BY due_at, id LIMIT %(limit)s
"""


@dataclass(slots=True)
class Places:
    database: Database
    clock: Callable[[], float] = time.monotonic  # seconds
    _found: Mapping[int, int] = field(default_factory=dict, init=False)
    _looked_at: float = field(default=float("-inf"), init=False)
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def before(self, turn_id: int) -> int | None:
        """How many begin before it; None for a turn that doesn't wait, or for its conversation.

        Raises StorageUnavailable.
        """
        if self._stale:
            async with self._looking:
                if self._stale:
                    rows = await self.database.rows(IN_ORDER, {"limit": MOST})
                    self._found = {row.id: place for place, row in enumerate(rows)}
                    self._looked_at = self.clock()
        return self._found.get(turn_id)

    @property
    def _stale(self) -> bool:
        return self.clock() - self._looked_at >= LOOK_SECONDS
