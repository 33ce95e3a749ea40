"""Directing: an admin restarts an engine or a way in, of a process that is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assistant.directives import Directive, Directives
from assistant.errors import DirectiveRefused
from assistant.processes import Processes
from assistant.signals import Signals
from assistant.storage.audit import Actor, note
from assistant.storage.database import Database

GONE = "There is no such process any more: look again at those that are there."


@dataclass(frozen=True, slots=True)
class Directing:
    """What is asked for is in the audit log, or nobody is told. All raise DirectiveRefused."""

    database: Database
    directives: Directives
    processes: Processes
    signals: Signals

    async def restart_engine(self, actor: Actor, process: str, seconds: float) -> str:
        """Let answers end for so long, then build the engine anew. Returns the directive's id."""
        workers = {one.worker for one in await self.signals.workers()}
        if process not in workers:
            raise DirectiveRefused(GONE)
        directive = Directive("engine.restart", process, seconds=seconds, given_by=actor.name)
        after = {"drain_seconds": seconds}
        return await self._give(actor, "engine.restarted", f"process:{process}", after, directive)

    async def restart_way_in(self, actor: Actor, process: str, name: str) -> str:
        """Close a channel's way in and open it anew. Returns the directive's id."""
        present = {one.process: one for one in await self.processes.present()}
        if process not in present:
            raise DirectiveRefused(GONE)
        if name not in {one.name for one in present[process].ways_in}:
            raise DirectiveRefused("This process has no such way in: look again at those it has.")
        directive = Directive("way_in.restart", process, name, given_by=actor.name)
        after = {"process": process}
        return await self._give(actor, "way_in.restarted", f"way_in:{name}", after, directive)

    async def _give(
        self,
        actor: Actor,
        action: str,
        target: str,
        after: Mapping[str, object],
        directive: Directive,
    ) -> str:
        async with self.database.transaction() as connection:
            await note(connection, actor, action, target, None, after)
            return await self.directives.give(directive)
