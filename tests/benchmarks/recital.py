"""The whole program with the reciting engine, on servers of its own, to be asked over a channel."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from assistant.storage.embedded import embedded_valkey
from tests.benchmarks.postgres import measured_postgres
from tests.benchmarks.program import started
from tests.support.program import Program

ROUND_TRIP_SECONDS = 0.05  # to the platform


@dataclass(frozen=True, slots=True)
class Recital:
    outrider: Program
    postgres: str


@asynccontextmanager
async def recital(
    folder: Path, channel: Mapping[str, str], *, first_token_seconds: float = 0.2
) -> AsyncIterator[Recital]:
    """`channel`: its settings. An answer's words come 30 a second."""
    async with measured_postgres(folder) as postgres, embedded_valkey(folder) as redis:
        settings = {
            "DATABASE_URL": postgres,
            "REDIS_URL": redis,
            "ENGINE__SCRIPTED__TOKENS_PER_SECOND": "30",
            "ENGINE__SCRIPTED__FIRST_TOKEN_SECONDS": f"{first_token_seconds:g}",
            "ASSISTANT__CONCURRENT_TURNS": "200",
            **channel,
        }
        program = Program(folder / "data", settings, module="tests.benchmarks.reciting")
        async with started(program):
            yield Recital(program, postgres)
