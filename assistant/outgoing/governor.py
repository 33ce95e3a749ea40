"""The outbound governor: one budget per chat and one per account, shared by all replicas.

A Lua script in Redis (`budget.py`) grants or names the wait, in one round trip on Redis's clock.
A platform's penalty (`penalties.py`) closes the chat until it is over; a Redis that was emptied is
filled with the penalties from Postgres before it grants anything. When Redis is away, one process
per chat, by a lease in Postgres, goes on with a budget of its own; without Postgres as well,
nothing is sent.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, field

import structlog
from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from assistant.channel import Pace
from assistant.clock import boot_seconds
from assistant.errors import RateLimited, StorageUnavailable
from assistant.messages import ChatRef
from assistant.outgoing.budget import AGAIN, DONE, GRANT, SECOND, Call, Terms
from assistant.outgoing.local_budget import Closures, LocalBudget, microseconds
from assistant.outgoing.penalties import WHOLE_ACCOUNT, AccountKeys, Penalties
from assistant.signals import LOST, REDIS_SECONDS
from assistant.storage.database import Database
from assistant.storage.leases import Leases

log = structlog.get_logger()

AGAIN_SECONDS = AGAIN / SECOND
AWAY_SECONDS = 1.0  # until what can't be asked is asked again
ALONE_SHARE = 0.5  # of the account's rate: another process may do the same for other chats


@dataclass(slots=True)
class Governor:
    redis: Redis
    database: Database
    leases: Leases
    clock: Callable[[], float] = boot_seconds  # seconds; for what this process keeps by itself
    _grant: AsyncScript = field(init=False)
    _done: AsyncScript = field(init=False)
    _penalties: Penalties = field(init=False)
    _closures: Closures = field(init=False)
    _local: dict[tuple[AccountKeys, str], LocalBudget] = field(default_factory=dict, init=False)
    _counting: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _held_until: dict[str, float] = field(default_factory=dict, init=False)
    # Accounts for which Redis was out of reach since it was last filled.
    _doubted: set[AccountKeys] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self._grant = self.redis.register_script(GRANT)
        self._done = self.redis.register_script(DONE)
        self._penalties = Penalties(self.redis, self.database)
        self._closures = Closures(self.clock)

    async def permit(
        self,
        chat: ChatRef,
        pace: Pace,
        at_most_seconds: float = math.inf,
        *,
        call: Call = "other",
    ) -> None:
        """Return when one call into this chat may be made.

        Raises RateLimited when that is further away than `at_most_seconds`.
        """
        left = at_most_seconds
        while True:
            wait = await self.ask(chat, pace, call)
            if wait <= 0:
                return
            if wait > left:
                raise RateLimited(wait)
            pause = min(wait, AGAIN_SECONDS)
            left -= pause
            await asyncio.sleep(pause)

    async def ask(self, chat: ChatRef, pace: Pace, call: Call = "other") -> float:
        """0: one call may be made now, and is charged; else the seconds to wait.

        Edits of a growing reply are paced; room is kept for its last, the final.
        """
        keys = _keys(chat)
        closed = self._closures.seconds(keys.penalty(chat.chat_id), keys.penalty(WHOLE_ACCOUNT))
        if closed > 0:
            return closed
        try:
            return await self._ask_redis(keys, chat, pace, call)
        except LOST:
            self._doubted.add(keys)
        except StorageUnavailable:
            return AWAY_SECONDS
        return await self._ask_alone(keys, chat, pace, call)

    def done(self, chat: ChatRef, pace: Pace) -> None:
        """The chat's last call with this pace was answered, however: it has arrived by now.

        Nobody waits for it: what was answered is to be written down first.
        """
        task = asyncio.get_running_loop().create_task(self._count_answered(chat, pace))
        self._counting.add(task)
        task.add_done_callback(self._counting.discard)

    async def _count_answered(self, chat: ChatRef, pace: Pace) -> None:
        keys, name = _keys(chat), _name(chat, pace)
        if (local := self._local.get((keys, pace.meter))) is not None:
            local.done(name, microseconds(self.clock()))
        with suppress(*LOST):
            async with asyncio.timeout(REDIS_SECONDS):
                await self._done([keys.chat(name), keys.made(pace.meter)], [pace.meter, ""])

    async def closed(self, chat: ChatRef) -> bool:
        """Whether a penalty bars the chat, or might: for what no platform counts (typing)."""
        keys = _keys(chat)
        names = (keys.penalty(chat.chat_id), keys.penalty(WHOLE_ACCOUNT))
        if keys in self._doubted or self._closures.seconds(*names) > 0:
            return True
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                *standing, known = await self.redis.mget(*names, keys.marker)
            if known is None:
                await self._restore(keys)
                async with asyncio.timeout(REDIS_SECONDS):
                    standing = await self.redis.mget(*names)
        except (*LOST, StorageUnavailable):
            return True
        return any(standing)

    async def penalize(self, chat: ChatRef, seconds: float) -> None:
        """The platform asked for a pause in this chat: nothing is sent before it is over."""
        log.warning("chat_penalized", channel=chat.channel, seconds=seconds)
        keys = _keys(chat)
        await self._close(keys, chat.chat_id, seconds)
        try:
            whole = await self._penalties.strike(keys, chat.chat_id, seconds)
        except LOST:
            return
        if whole > 0:
            log.warning("account_penalized", channel=chat.channel, seconds=whole)
            await self._close(keys, WHOLE_ACCOUNT, whole)

    async def restore(self, accounts: Sequence[AccountKeys] = ()) -> None:
        """Put the penalties that stand in Postgres back into Redis (at start).

        A Redis that is new counts all that these accounts may send at once as spent; from now on
        it gathers again, and the first message need not wait for it.
        """
        for keys in {*await self._penalties.penalized(), *accounts}:
            try:
                await self._penalties.restore(keys, doubted=False)
            except LOST:
                self._doubted.add(keys)

    async def _ask_redis(self, keys: AccountKeys, chat: ChatRef, pace: Pace, call: Call) -> float:
        if keys in self._doubted:
            await self._restore(keys)
        wait = await self._granted(keys, chat, pace, call)
        if wait < 0:
            await self._restore(keys)
            wait = await self._granted(keys, chat, pace, call)
        return wait / SECOND if wait >= 0 else AWAY_SECONDS

    async def _granted(self, keys: AccountKeys, chat: ChatRef, pace: Pace, call: Call) -> int:
        name, names = _name(chat, pace), keys.of_grant(chat.chat_id, _name(chat, pace), pace.meter)
        values = (name, *astuple(Terms.of(pace, chat.kind)), call, pace.meter, "")
        async with asyncio.timeout(REDIS_SECONDS):
            return int(await self._grant(names, [*values]))

    async def _restore(self, keys: AccountKeys) -> None:
        async with asyncio.timeout(REDIS_SECONDS):
            await self.redis.ping()  # Postgres isn't asked in vain
        await self._penalties.restore(keys, doubted=keys in self._doubted)
        self._doubted.discard(keys)
        for one in [one for one in self._local if one[0] == keys]:
            del self._local[one]
        self._held_until.clear()

    async def _ask_alone(self, keys: AccountKeys, chat: ChatRef, pace: Pace, call: Call) -> float:
        name = f"chat:{chat.channel}:{chat.account}:{chat.chat_id}"
        now, lease_seconds = self.clock(), self.leases.heartbeat.seconds
        if not await self.leases.acquire(name):
            return lease_seconds / 3
        try:
            closed = await self._penalties.standing(keys, chat.chat_id)
        except StorageUnavailable:
            return AWAY_SECONDS
        if closed > 0:
            return closed
        terms, at = Terms.of(pace, chat.kind, ALONE_SHARE), microseconds(self.clock())
        budget = self._local.setdefault((keys, pace.meter), LocalBudget(at))
        one, held = _name(chat, pace), f"{pace.meter}:{_name(chat, pace)}"
        if self._held_until.get(held, 0.0) < now:  # another process may have had it
            budget.spend(one, terms, at)
        self._held_until[held] = now + lease_seconds
        return budget.ask(one, terms, at, call) / SECOND

    async def _close(self, keys: AccountKeys, chat_id: str, seconds: float) -> None:
        """Here, in Redis and in Postgres; then in Redis again, which may have been emptied, and
        filled from Postgres, in between."""
        name = keys.penalty(chat_id)
        self._closures.close(name, seconds)
        await self._close_in_redis(keys, chat_id, seconds)
        await self._penalties.store(keys, chat_id, seconds)
        if (left := self._closures.seconds(name)) > 0:
            await self._close_in_redis(keys, chat_id, left)

    async def _close_in_redis(self, keys: AccountKeys, chat_id: str, seconds: float) -> None:
        try:
            await self._penalties.close(keys, chat_id, seconds)
        except LOST:
            self._doubted.add(keys)
            log.warning("penalty_not_in_redis", channel=keys.channel)


def _name(chat: ChatRef, pace: Pace) -> str:
    """Of what has the chat's budget."""
    return f"{chat.chat_id}:{chat.thread_id}" if pace.by_thread else chat.chat_id


def _keys(chat: ChatRef) -> AccountKeys:
    return AccountKeys(chat.channel, chat.account)
