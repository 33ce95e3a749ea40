"""What a process does when an admin tells it to: its part of `assistant/directives.py`."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.answering.worker import Worker
from assistant.directives import Directive
from assistant.errors import DirectiveRefused
from bots.ways_in import WaysIn


@dataclass(slots=True)
class Obeying:
    """`ways_in` and `worker` where this process has them."""

    ways_in: WaysIn | None = None
    worker: Worker | None = None

    async def carry_out(self, directive: Directive) -> str:
        """Returns a sentence about what was done. Raises DirectiveRefused, in words."""
        match directive.kind:
            case "engine.restart":
                return await self._restart_engine(directive)
            case "way_in.restart":
                return self._restart_way_in(directive)

    async def _restart_engine(self, directive: Directive) -> str:
        if self.worker is None:
            raise DirectiveRefused("There is no engine in this process.")
        left = await self.worker.restart_engine(directive.seconds)
        if not left:
            return "The engine was built anew; nothing was being answered any more."
        answers = "1 answer goes" if left == 1 else f"{left} answers go"
        return f"The engine was built anew; {answers} on in place."

    def _restart_way_in(self, directive: Directive) -> str:
        if self.ways_in is None:
            raise DirectiveRefused("There is no way in in this process.")
        self.ways_in.restart(directive.subject)
        return f"{directive.subject} is being opened anew."
