"""The outbound governor: one budget per chat and one per account, shared by all replicas.

A Lua script in Redis grants or names the wait, in one round trip on Redis's clock. A platform's
penalty closes the chat until it is over, and stands in Postgres too. When Redis is away, this
process keeps the same budgets by itself.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from redis.asyncio import Redis
from sqlalchemy import text

from assistant.channel import Pace
from assistant.database import Database
from assistant.errors import RateLimited, StorageUnavailable
from assistant.messages import ChatRef
from assistant.signals import LOST, REDIS_SECONDS

log = structlog.get_logger()

BURST = 2  # calls that a rested chat may make at once: the placeholder and the first text
MEMORY_SECONDS = 3600

# Generic cell rate algorithm, for chat and account at once: both grant, or neither is charged.
# KEYS: chat, account, penalty. ARGV: chat interval, account interval (ms), burst.
# Returns the milliseconds to wait, 0 when granted.
GRANT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local closed = tonumber(redis.call('GET', KEYS[3]) or '0')
if closed > now then return closed - now end
local wait, due = 0, {}
for i = 1, 2 do
    local interval, burst = tonumber(ARGV[i]), tonumber(ARGV[3])
    due[i] = math.max(tonumber(redis.call('GET', KEYS[i]) or '0'), now) + interval
    wait = math.max(wait, due[i] - now - interval * burst)
end
if wait > 0 then return math.ceil(wait) end
for i = 1, 2 do redis.call('SET', KEYS[i], string.format('%.0f', due[i]), 'PX', 3600000) end
return 0
"""
# A shorter penalty never ends a longer one. KEYS: penalty. ARGV: until, life (ms).
CLOSE = """
if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
"""
PENALIZE = text("""
INSERT INTO penalties (account_id, chat_id, until)
SELECT id, :chat, now() + make_interval(secs => :seconds) FROM accounts
WHERE channel = :channel AND name = :account
ON CONFLICT (account_id, chat_id) DO UPDATE SET until = greatest(penalties.until, excluded.until)
""")
STANDING = text("""
SELECT accounts.channel, accounts.name, chat_id, extract(epoch FROM until - now()) AS seconds
FROM penalties JOIN accounts ON accounts.id = account_id WHERE until > now()
""")


@dataclass(slots=True)
class Governor:
    redis: Redis
    database: Database
    clock: Callable[[], float] = time.monotonic  # seconds; only for the local budget
    _local: LocalBudget = field(init=False)

    def __post_init__(self) -> None:
        self._local = LocalBudget(self.clock)

    async def permit(
        self,
        chat: ChatRef,
        pace: Pace,
        at_most_seconds: float = math.inf,
        *,
        final: bool = False,
    ) -> None:
        """Return when one call into this chat may be made.

        Raises RateLimited when that is further away than `at_most_seconds`.
        """
        while True:
            wait = await self.ask(chat, pace, final=final)
            if wait <= 0:
                return
            if wait > at_most_seconds:
                raise RateLimited(wait)
            await asyncio.sleep(wait)

    async def penalize(self, chat: ChatRef, seconds: float) -> None:
        """The platform asked for a pause in this chat: nothing is sent before it is over."""
        log.warning("chat_penalized", channel=chat.channel, seconds=seconds)
        self._local.close(_key(chat), seconds)
        await self._close(chat.channel, chat.account, chat.chat_id, seconds)
        values = {
            "channel": chat.channel,
            "account": chat.account,
            "chat": chat.chat_id,
            "seconds": seconds,
        }
        try:
            async with self.database.connection() as connection:
                await connection.execute(PENALIZE, values)
        except StorageUnavailable:
            log.warning("penalty_not_stored", channel=chat.channel)

    async def restore(self) -> None:
        """Put the penalties that stand in Postgres back into Redis (at start)."""
        async with self.database.connection() as connection:
            rows = (await connection.execute(STANDING)).all()
        for row in rows:
            await self._close(row.channel, row.name, row.chat_id, float(row.seconds))
            self._local.close(f"{row.channel}:{row.name}:{row.chat_id}", float(row.seconds))

    async def ask(self, chat: ChatRef, pace: Pace, *, final: bool = False) -> float:
        """0: one call may be made now, and is charged; else the seconds to wait.

        `final`: the last edit of a reply, for which room is kept.
        """
        interval = (
            pace.private_interval_seconds if chat.kind == "private" else pace.group_interval_seconds
        )
        account = f"{chat.channel}:{chat.account}"
        share = 1.0 / pace.account_calls_per_second
        names = (
            f"outrider:pace:chat:{_key(chat)}",
            f"outrider:pace:account:{account}",
            f"outrider:penalty:{_key(chat)}",
        )
        values = (interval * 1000, share * 1000, BURST)
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                wait = await self.redis.eval(GRANT, len(names), *names, *values)
        except LOST:
            return self._local.wait_seconds(_key(chat), interval)
        # An emptied Redis forgot the penalties; what this process was told of, it still keeps.
        return max(float(wait) / 1000, self._local.closed_seconds(_key(chat)))

    async def _close(self, channel: str, account: str, chat_id: str, seconds: float) -> None:
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                clock = await self.redis.time()
                until = int(clock[0] * 1000 + clock[1] / 1000 + seconds * 1000)
                name = f"outrider:penalty:{channel}:{account}:{chat_id}"
                await self.redis.eval(CLOSE, 1, name, until, max(1, int(seconds * 1000)))
        except LOST:
            log.warning("penalty_only_local", channel=channel)


@dataclass(slots=True)
class LocalBudget:
    """The chat's budget of one process, for the time that Redis is away."""

    clock: Callable[[], float]
    _due: dict[str, float] = field(default_factory=dict, init=False)
    _closed_until: dict[str, float] = field(default_factory=dict, init=False)

    def wait_seconds(self, chat: str, interval: float) -> float:
        """0 when granted (and charged), else the seconds to wait."""
        now = self.clock()
        closed = self.closed_seconds(chat)
        if closed > 0:
            return closed
        due = max(self._due.get(chat, 0.0), now) + interval
        wait = due - now - interval * BURST
        if wait > 0:
            return wait
        self._due[chat] = due
        return 0.0

    def closed_seconds(self, chat: str) -> float:
        """How long this chat's penalty still lasts; 0 without one."""
        left = self._closed_until.get(chat, 0.0) - self.clock()
        if left <= 0:
            self._closed_until.pop(chat, None)
        return max(left, 0.0)

    def close(self, chat: str, seconds: float) -> None:
        self._closed_until[chat] = max(self._closed_until.get(chat, 0.0), self.clock() + seconds)


def _key(chat: ChatRef) -> str:
    return f"{chat.channel}:{chat.account}:{chat.chat_id}"
