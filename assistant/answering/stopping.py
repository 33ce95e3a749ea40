"""Stopping a turn: what was said so far stays."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.answering.deltas import DeltaWriter
from assistant.answering.turns import Turns
from assistant.messages import ReplyDelta
from assistant.signals import Signals


@dataclass(frozen=True, slots=True)
class Stopping:
    turns: Turns
    signals: Signals
    writer: DeltaWriter

    async def stop(self, turn_id: int) -> bool:
        """False if it had ended before."""
        stopped = await self.turns.stop(turn_id)
        if stopped is None:
            return False
        if stopped.state == "running":
            await self.signals.stop_turn(turn_id)
        else:
            self.writer.write(
                ReplyDelta(turn_id, stopped.attempt, stopped.characters, "", state="stopped")
            )
        return True
