"""Whose a Redis is: turns have bare numbers there, so it serves one database.

With another's deltas and stops in it, people would be shown each other's answers.
"""

from __future__ import annotations

import asyncio

from redis.asyncio import Redis

from assistant.errors import StartupError
from assistant.signals import LOST, REDIS_SECONDS
from assistant.storage.database import Database

OWNER = "outrider:database"
# A standby has its server's, a database that was made anew another's.
IDENTITY = """
SELECT system_identifier || '/' || oid AS identity
FROM pg_control_system(), pg_database WHERE datname = current_database()
"""


async def claim_redis(redis: Redis, database: Database) -> None:
    """Write there whose it is, or find it written. Raises StartupError for another's."""
    (row,) = await database.rows(IDENTITY)
    try:
        async with asyncio.timeout(REDIS_SECONDS):
            await redis.set(OWNER, row.identity, nx=True)
            owner = await redis.get(OWNER)
    except LOST as error:
        raise StartupError(
            f"Redis answers, but can't be written ({type(error).__name__}): check "
            "OUTRIDER_REDIS_URL, its rights and its memory."
        ) from error
    if owner != row.identity:
        raise StartupError(
            "The Redis of OUTRIDER_REDIS_URL belongs to another Outrider's database: give each a "
            "Redis database of its own (…/1), or empty this one if the other is gone."
        )
