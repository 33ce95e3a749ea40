"""How many tokens a text has: by the engine's own tokenizer, each text counted once; or about."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from inference.api import ChatMessage, Engine
from inference.errors import EngineError

MOST = 20_000  # texts that are remembered, by their hashes
CHARACTERS_A_TOKEN = 4  # in Latin scripts about that; others have more tokens


def tokens_of(*written: str | bytes) -> int:
    """About so many tokens: an estimate that costs nothing, where nobody has counted."""
    return sum(map(len, written)) // CHARACTERS_A_TOKEN + 1


@dataclass(slots=True)
class TokenCounts:
    engine: Engine
    _known: OrderedDict[int, int] = field(default_factory=OrderedDict, init=False)

    async def of(self, text: str) -> int | None:
        """None where only the remote end can tokenize."""
        if not text:
            return 0
        begins = await self._count("")  # what a tokenizer puts before every prompt
        counted = await self._count(text)
        return None if begins is None or counted is None else counted - begins

    async def _count(self, text: str) -> int | None:
        key = hash(text)
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        try:
            prompt = await self.engine.render([ChatMessage("raw", text)])
        except EngineError:
            return None
        if prompt.token_ids is None:
            return None
        self._known[key] = len(prompt.token_ids)
        while len(self._known) > MOST:
            self._known.popitem(last=False)
        return self._known[key]
