"""Pauses that a platform demands: in Redis for every replica, in Postgres against an emptied Redis.

A penalty closes its chat. Three chats that are penalized within seconds of each other mean the
whole account, which is then closed until the first of them is open again. The account's penalty
bears no chat's id.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from assistant.errors import StorageUnavailable
from assistant.outgoing.budget import SECOND
from assistant.signals import REDIS_SECONDS
from assistant.storage.database import Database

log = structlog.get_logger()

WHOLE_ACCOUNT = ""  # as a chat's id
STRIKES = 3
STRIKE_SECONDS = 5
KNOWN_SECONDS = 60  # then Postgres is asked again, whatever Redis lost meanwhile

CLOCK = f"""
local clock = redis.call('TIME')
local now = clock[1] * {SECOND} + clock[2]
local function text(number) return string.format('%.0f', number) end
"""
# A shorter penalty never ends a longer one. KEYS: penalty. ARGV: microseconds.
CLOSE = f"""{CLOCK}
local ends = now + tonumber(ARGV[1])
if ends > tonumber(redis.call('GET', KEYS[1]) or 0) then
    redis.call('SET', KEYS[1], text(ends), 'PX', math.ceil(ARGV[1] / 1000))
end
"""
# KEYS: strikes. ARGV: the chat's name, microseconds.
# Returns the microseconds for which the whole account is to be closed, 0 for not at all.
STRIKE = f"""{CLOCK}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', text(now))
redis.call('ZADD', KEYS[1], 'GT', text(now + tonumber(ARGV[2])), ARGV[1])
redis.call('EXPIRE', KEYS[1], {STRIKE_SECONDS})
if redis.call('ZCARD', KEYS[1]) < {STRIKES} then return 0 end
return redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] - now
"""
# Redis knows the penalties from here on. What an earlier Redis granted counts as spent.
# KEYS: marker, account. ARGV: 1 when this Redis is not new but was out of sight.
KNOW = f"""{CLOCK}
redis.call('SET', KEYS[1], 1, 'EX', {KNOWN_SECONDS})
if ARGV[1] == '1' or redis.call('HEXISTS', KEYS[2], 'born') == 0 then
    redis.call('HSET', KEYS[2], 'born', text(now))
end
"""
STORE = """
INSERT INTO penalties (account_id, chat_id, until)
SELECT id, %(chat)s, now() + make_interval(secs => %(seconds)s) FROM accounts
WHERE channel = %(channel)s AND name = %(account)s
ON CONFLICT (account_id, chat_id) DO UPDATE SET until = greatest(penalties.until, excluded.until)
"""
STANDING = """
SELECT chat_id, extract(epoch FROM until - now()) AS seconds
FROM penalties JOIN accounts ON accounts.id = account_id
WHERE channel = %(channel)s AND name = %(account)s AND until > now()
"""
STANDING_HERE = f"{STANDING} AND chat_id IN (%(chat)s, '{WHOLE_ACCOUNT}')"
PENALIZED = """
SELECT DISTINCT channel, name FROM penalties JOIN accounts ON accounts.id = account_id
WHERE until > now()
"""
# Skipping what another replica deletes, so that two never wait for each other.
FORGET = """
WITH over AS (
    SELECT account_id, chat_id FROM penalties WHERE until <= now() FOR UPDATE SKIP LOCKED
), unused AS (
    SELECT name FROM leases WHERE name ^@ 'chat:' AND until <= now() FOR UPDATE SKIP LOCKED
), leases_gone AS (
    DELETE FROM leases USING unused WHERE leases.name = unused.name
)
DELETE FROM penalties USING over
WHERE penalties.account_id = over.account_id AND penalties.chat_id = over.chat_id
"""


@dataclass(frozen=True, slots=True)
class AccountKeys:
    """Names in Redis of what concerns one account; the braces keep them in one cluster slot."""

    channel: str
    account: str

    @property
    def marker(self) -> str:
        return self._named("known")

    @property
    def budget(self) -> str:
        return self._named("account")

    @property
    def strikes(self) -> str:
        return self._named("strikes")

    def penalty(self, chat_id: str) -> str:
        return self._named(f"penalty:{chat_id}")

    def of_grant(self, chat_id: str, name: str = "", meter: str = "") -> list[str]:
        """The KEYS of `budget.GRANT`. `name`: of what has the chat's budget, where it isn't the
        whole chat."""
        penalties = [self.penalty(chat_id), self.penalty(WHOLE_ACCOUNT)]
        chat = self.chat(name or chat_id)
        return [self.marker, *penalties, chat, self.budget, *self.queues(meter)]

    def chat(self, name: str) -> str:
        return self._named(f"chat:{name}")

    def queues(self, meter: str) -> list[str]:
        """The sets that hold names of what has a chat's budget."""
        return [self._named(f"{one}{meter}") for one in ("active", "queue", "promised")]

    async def meters(self, redis: Redis) -> Sequence[str]:
        """Those by which anything was counted."""
        fields = map(str, await redis.hkeys(self.budget))
        return [one.removeprefix("due") for one in fields if one.startswith("due")]

    def _named(self, what: str) -> str:
        return f"outrider:pace:{{{self.channel}:{self.account}}}:{what}"


@dataclass(slots=True)
class Penalties:
    """Methods that touch Redis raise what `signals.LOST` names; those that touch Postgres,
    StorageUnavailable."""

    redis: Redis
    database: Database
    _close: AsyncScript = field(init=False)
    _strike: AsyncScript = field(init=False)
    _know: AsyncScript = field(init=False)

    def __post_init__(self) -> None:
        self._close = self.redis.register_script(CLOSE)
        self._strike = self.redis.register_script(STRIKE)
        self._know = self.redis.register_script(KNOW)

    async def close(self, keys: AccountKeys, chat_id: str, seconds: float) -> None:
        """Close a chat, or the account, for every replica."""
        async with asyncio.timeout(REDIS_SECONDS):
            await self._close(keys=[keys.penalty(chat_id)], args=[_whole(seconds)])

    async def strike(self, keys: AccountKeys, chat_id: str, seconds: float) -> float:
        """Count a penalty; returns for how long the whole account is to be closed, 0 for not."""
        async with asyncio.timeout(REDIS_SECONDS):
            wait = await self._strike(keys=[keys.strikes], args=[chat_id, _whole(seconds)])
        return float(wait) / SECOND

    async def store(self, keys: AccountKeys, chat_id: str, seconds: float) -> None:
        """Keep it in Postgres; logged where Postgres is away."""
        values = {"channel": keys.channel, "account": keys.account, "chat": chat_id}
        try:
            await self.database.rows(STORE, {**values, "seconds": seconds})
        except StorageUnavailable:
            log.warning("penalty_not_stored", channel=keys.channel)

    async def standing(self, keys: AccountKeys, chat_id: str) -> float:
        """Seconds that the chat, by its own penalty or the account's, is still closed."""
        values = {"channel": keys.channel, "account": keys.account, "chat": chat_id}
        rows = await self.database.rows(STANDING_HERE, values)
        return max((float(row.seconds) for row in rows), default=0.0)

    async def penalized(self) -> Sequence[AccountKeys]:
        """The accounts in which something is closed."""
        rows = await self.database.rows(PENALIZED)
        return [AccountKeys(row.channel, row.name) for row in rows]

    async def restore(self, keys: AccountKeys, *, doubted: bool) -> None:
        """Fill Redis with what stands in Postgres, and forget there what is over.

        `doubted`: Redis was out of sight, and calls may have been made that it does not know.
        """
        standing = await self._all_standing(keys)
        async with asyncio.timeout(REDIS_SECONDS), self.redis.pipeline(transaction=True) as batch:
            # One transaction: an emptied Redis never says that it knows what it doesn't.
            for chat_id, seconds in standing.items():
                await self._close([keys.penalty(chat_id)], [_whole(seconds)], client=batch)
            await self._know([keys.marker, keys.budget], [int(doubted)], client=batch)
            await batch.execute()

    async def _all_standing(self, keys: AccountKeys) -> Mapping[str, float]:
        values = {"channel": keys.channel, "account": keys.account}
        await self.database.rows(FORGET)
        rows = await self.database.rows(STANDING, values)
        return {row.chat_id: float(row.seconds) for row in rows}


def _whole(seconds: float) -> int:
    return math.ceil(seconds * SECOND)
