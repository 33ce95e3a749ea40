"""What the pages of traces, and their endpoints, are built of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from assistant.answering.experiments import Experiments
from assistant.answering.turns import Turns
from assistant.conversations import ConversationService
from assistant.insight.prompts import Prompts, ShownPrompt
from assistant.insight.recent_turns import RecentTurns
from assistant.insight.replays import Replays
from assistant.insight.trace import Trace, TraceReader
from assistant.storage.audit import Actor, AuditLog

LARGEST = 2**63 - 1  # of Postgres' ids

# Whether admins may read the texts of a turn's conversation.
MayRead = Callable[[int], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class TraceParts:
    traces: TraceReader
    recent: RecentTurns
    turns: Turns
    prompts: Prompts
    replays: Replays
    experiments: Experiments
    audit: AuditLog
    may_read: MayRead

    async def read_prompt(self, trace: Trace, actor: Actor) -> ShownPrompt | None:
        """The texts; None where they aren't recorded. That they are read is noted first. The caller
        has asked `may_read`."""
        if trace.recipe is None:
            return None
        await self.note_read(trace, actor)
        return await self.prompts.of(trace)

    async def note_read(self, trace: Trace, actor: Actor) -> None:
        """That this admin reads what the turn, or a replay of it, asked or answered."""
        target = f"conversation:{trace.turn.conversation_id}"
        await self.audit.note(actor, "conversation.read", target, None, {"turn": trace.turn.id})

    async def personas(self, shown: ShownPrompt) -> Sequence[str]:
        """Those that a prompt can be asked of. A stateless request has instructions of its own,
        which no persona stands in for."""
        stateless = all(one.part.kind != "instructions" for one in shown.parts)
        return [] if stateless else await self.replays.personas()


def trace_parts(
    service: ConversationService, experiments: Experiments, may_read: MayRead
) -> TraceParts:
    database, settings = service.database, service.settings
    audit, prompts = AuditLog(database), Prompts(database, settings)
    return TraceParts(
        traces=TraceReader(database),
        recent=RecentTurns(database),
        turns=service.turns,
        prompts=prompts,
        replays=Replays(prompts, experiments, settings, audit),
        experiments=experiments,
        audit=audit,
        may_read=may_read,
    )
