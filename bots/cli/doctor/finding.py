"""What a check found, and a check that finds something whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from assistant.errors import AssistantError
from bots.settings import Settings
from inference.errors import EngineError

Verdict = Literal["fine", "note", "off", "fails"]
LONGEST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    """`said` is a sentence for a person; where it fails it says what to do."""

    verdict: Verdict
    said: str


@dataclass(frozen=True, slots=True)
class Check:
    """`look` may raise: what has a sentence fails with that sentence."""

    name: str
    look: Callable[[Settings], Awaitable[Finding]]

    async def find(self, settings: Settings, seconds: float = LONGEST_SECONDS) -> Finding:
        try:
            async with asyncio.timeout(seconds):
                return await self.look(settings)
        except (AssistantError, EngineError) as error:
            return fails(str(error))
        except TimeoutError:
            return fails(f"There was no answer within {seconds:.0f} s: try again, or see its log.")
        except Exception as error:
            # No text of it, which may hold a secret.
            return fails(f"The check itself broke ({type(error).__name__}): please report it.")


def fine(said: str) -> Finding:
    return Finding("fine", said)


def note(said: str) -> Finding:
    """Not as it could be, and no hindrance."""
    return Finding("note", said)


def off(said: str) -> Finding:
    return Finding("off", said)


def fails(said: str) -> Finding:
    return Finding("fails", said)
