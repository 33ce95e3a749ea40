"""Quotas of the API's keys: requests in a minute, tokens in a day (of UTC).

Requests are counted in Redis, on its clock, in the last minute as it is: exact for any number of
gateways. While Redis is away the minute's turns are counted in Postgres; requests of the very same
moment may then all find the same room.

Tokens are counted from the turns themselves, so nothing is lost with a worker or with Redis. A turn
under way counts with its last checkpoint, which is a second old at most. A request is let in while
the day's tokens are below the quota, and is then answered in full: a day may go over by the answers
that were under way when the quota was reached. Of an answer that was stopped, what was written
counts.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import structlog
from redis.asyncio import Redis

from assistant.signals import LOST, SIGNAL_SECONDS
from assistant.storage.database import Database

log = structlog.get_logger()

MINUTE = 60.0
SECOND = 1_000_000  # microseconds

# KEYS: the requests of a key, by when they came. ARGV: how many a window takes, its microseconds,
# a name for this one.
# Returns whether it is let in, how many more would be, when the next would, and when all are
# forgotten, in microseconds from now.
TAKE = """
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - window))
local made = redis.call('ZCARD', KEYS[1])
local granted = 0
if made < limit then
    granted, made = 1, made + 1
    redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[3])
    redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
end
local function ends(place)
    local found = redis.call('ZRANGE', KEYS[1], place, place, 'WITHSCORES')[2]
    return found and math.max(found + window - now, 0) or 0
end
local free = made < limit and 0 or ends(made - limit)
return {granted, math.max(limit - made, 0), free, ends(-1)}
"""
# In place of it: the turns of the last minute.
MADE = """
SELECT count(*) AS made,
    coalesce(extract(epoch FROM min(created_at) - now()) + %(seconds)s, 0) AS first,
    coalesce(extract(epoch FROM max(created_at) - now()) + %(seconds)s, 0) AS last
FROM turns WHERE person_id = (
    SELECT person_id FROM identities WHERE account_id = %(account)s AND platform_id = %(sender)s)
AND created_at > now() - make_interval(secs => %(seconds)s)
"""
_TODAY = "date_trunc('day', now() AT TIME ZONE 'UTC')"
SPENT = f"""
SELECT (
    SELECT coalesce(sum(CASE WHEN state IN ('queued', 'running') THEN
        coalesce(cardinality(prompt_token_ids), 0) + cardinality(reply_token_ids)
        ELSE prompt_tokens + output_tokens END), 0)
    FROM turns WHERE person_id = (
        SELECT person_id FROM identities
        WHERE account_id = %(account)s AND platform_id = %(sender)s)
    AND created_at >= {_TODAY} AT TIME ZONE 'UTC'
) + (
    SELECT coalesce(sum(tokens), 0) FROM embedded_tokens
    WHERE key_id = %(key)s AND day = CAST({_TODAY} AS date)
) AS tokens,
extract(epoch FROM {_TODAY} + interval '1 day' - now() AT TIME ZONE 'UTC') AS seconds
"""
EMBEDDED = f"""
INSERT INTO embedded_tokens AS known (key_id, day, tokens)
VALUES (%(key)s, CAST({_TODAY} AS date), %(tokens)s)
ON CONFLICT (key_id, day) DO UPDATE SET tokens = known.tokens + excluded.tokens
"""


@dataclass(frozen=True, slots=True)
class Room:
    """What is left of a quota. `retry_seconds`: after so long there is room, 0 where there is
    some now; `reset_seconds`: after so long nothing of it is spent."""

    granted: bool
    limit: int
    remaining: int
    retry_seconds: float
    reset_seconds: float


@dataclass(frozen=True, slots=True)
class Quotas:
    """Of the account `account_id`, whose identities the keys are. Raises StorageUnavailable."""

    database: Database
    redis: Redis
    account_id: int

    async def take_request(self, key_id: int, sender_id: str, limit: int) -> Room:
        """Let one more request in, where the last minute has room for it."""
        found = await self._taken(key_id, limit)
        if found is None:
            return await self._made(sender_id, limit)
        granted, remaining, free, reset = found
        return Room(bool(granted), limit, remaining, free / SECOND, reset / SECOND)

    async def tokens_left(self, key_id: int, sender_id: str, limit: int) -> Room:
        """Whether the day has room for another request."""
        values = {"account": self.account_id, "sender": sender_id, "key": key_id}
        (row,) = await self.database.rows(SPENT, values)
        left, seconds = limit - int(row.tokens), float(row.seconds)
        return Room(left > 0, limit, max(left, 0), 0 if left > 0 else seconds, seconds)

    async def embedded(self, key_id: int, tokens: int) -> None:
        """Count tokens that no turn counts."""
        await self.database.rows(EMBEDDED, {"key": key_id, "tokens": tokens})

    async def _taken(self, key_id: int, limit: int) -> list[int] | None:
        name = f"outrider:requests:{key_id}"
        values = (limit, int(MINUTE * SECOND), secrets.token_hex(8))
        taking: Awaitable[Any] = self.redis.eval(TAKE, 1, name, *values)
        try:
            async with asyncio.timeout(SIGNAL_SECONDS):
                return [int(one) for one in await taking]
        except LOST as error:
            log.warning("requests_counted_in_postgres", error=type(error).__name__)
            return None

    async def _made(self, sender_id: str, limit: int) -> Room:
        values = {"account": self.account_id, "sender": sender_id, "seconds": MINUTE}
        (row,) = await self.database.rows(MADE, values)
        granted = row.made < limit
        left = limit - row.made - 1 if granted else 0
        retry, reset = (0.0 if left else float(row.first)), float(row.last)
        return Room(granted, limit, left, retry, MINUTE if granted else reset)
