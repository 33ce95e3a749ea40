"""What people did today and in this month, as it was counted when their turns ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from assistant.storage.database import Database

# Days and months of UTC, as the counts are.
READ = """
WITH today AS (SELECT CAST(now() AT TIME ZONE 'UTC' AS date) AS day), counted AS (
    SELECT person_id, usage_days.day = today.day AS is_today, messages, turns, failed,
        prompt_tokens, cached_tokens, output_tokens
    FROM today JOIN usage_days
        ON usage_days.day BETWEEN CAST(date_trunc('month', today.day) AS date) AND today.day
)
SELECT spans.name, count(DISTINCT person_id) AS people, coalesce(sum(messages), 0) AS messages,
    coalesce(sum(turns), 0) AS turns, coalesce(sum(failed), 0) AS failed,
    coalesce(sum(prompt_tokens), 0) AS prompt_tokens,
    coalesce(sum(cached_tokens), 0) AS cached_tokens,
    coalesce(sum(output_tokens), 0) AS output_tokens
FROM (VALUES ('today', true), ('month', false)) AS spans (name, only_today)
LEFT JOIN counted ON counted.is_today OR NOT spans.only_today
GROUP BY spans.name
"""


@dataclass(frozen=True, slots=True)
class Total:
    people: int
    messages: int
    turns: int
    failed: int
    prompt_tokens: int
    cached_tokens: int  # of those of prompts
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Totals:
    today: Total
    month: Total


@dataclass(frozen=True, slots=True)
class Counted:
    database: Database

    async def read(self) -> Totals:
        """Raises StorageUnavailable."""
        found = {row.name: _total(row) for row in await self.database.rows(READ)}
        return Totals(found["today"], found["month"])


def _total(row: Any) -> Total:
    return Total(
        people=row.people,
        messages=int(row.messages),
        turns=int(row.turns),
        failed=int(row.failed),
        prompt_tokens=int(row.prompt_tokens),
        cached_tokens=int(row.cached_tokens),
        output_tokens=int(row.output_tokens),
    )
