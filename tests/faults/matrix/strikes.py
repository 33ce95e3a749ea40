"""What is done from outside a process: kills, outages, and a platform in trouble.

A strike returns the moment at which it fell, on the monotonic clock.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from inference.processes import with_descendants
from tests.faults.matrix.lane import Lane
from tests.faults.matrix.platform import Ailment, Call, Platform
from tests.faults.matrix.points import Role

POLL_SECONDS = 0.004
SKEW_SECONDS = 60.0


@dataclass(slots=True)
class Scene:
    """A run as far as a strike needs to know it. `asked`: chat and message id, as they come."""

    lane: Lane
    platform: Platform
    chance: random.Random
    span_seconds: float
    asked: list[tuple[str, str]] = field(default_factory=list)
    first_asked: asyncio.Event = field(default_factory=asyncio.Event)

    def message_in(self, chat: str) -> str:
        """The id of the first question there."""
        return next(message for where, message in self.asked if where == chat)

    async def some_time(self) -> None:
        await self.first_asked.wait()
        await asyncio.sleep(self.chance.uniform(0.0, self.span_seconds))

    def kill(self, *roles: Role) -> float:
        for role in roles:
            for child in self.lane.living(role):
                child.kill()
        return time.monotonic()


Strike = Callable[[Scene], Awaitable[float]]


async def kill_after_ack(scene: Scene) -> float:
    await scene.first_asked.wait()
    chat, message = scene.asked[0]
    while not scene.platform.acknowledged(chat, message):
        await asyncio.sleep(POLL_SECONDS)
    return scene.kill("gateway")


async def no_worker(scene: Scene) -> float:
    """The workers die before the question comes, and are away for a while."""
    posts = scene.lane.posts["worker"]
    for post in posts:
        post.open.clear()
    scene.kill("worker")
    await scene.some_time()
    for post in posts:
        post.open.set()
    return time.monotonic()


async def kill_worker(scene: Scene) -> float:
    await scene.some_time()
    return scene.kill("worker")


async def kill_gateway(scene: Scene) -> float:
    await scene.some_time()
    return scene.kill("gateway")


async def kill_both(scene: Scene) -> float:
    await scene.some_time()
    return scene.kill("gateway", "worker")


async def stop_both(scene: Scene) -> float:
    """As a supervisor stops them, for an update say."""
    await scene.some_time()
    for child in scene.lane.everybody:
        child.signal(signal.SIGTERM)
    return time.monotonic()


async def kill_core(scene: Scene) -> float:
    """vLLM's own process, which the worker has for the model."""
    await scene.some_time()
    for child in scene.lane.living("worker"):
        below = with_descendants([child.pid])
        for process in below:
            if process.pid != child.pid:
                os.kill(process.pid, signal.SIGKILL)
    return time.monotonic()


async def flush_redis(scene: Scene) -> float:
    await scene.some_time()
    await scene.lane.valkey.flush()
    return time.monotonic()


async def restart_redis(scene: Scene) -> float:
    return await _redis_away(scene, 0.0)


async def stop_redis(scene: Scene) -> float:
    return await _redis_away(scene, scene.chance.uniform(0.5, 3.0))


async def _redis_away(scene: Scene, seconds: float) -> float:
    await scene.some_time()
    began = time.monotonic()
    await scene.lane.valkey.stop()
    await asyncio.sleep(seconds)
    await scene.lane.valkey.start()
    return began


async def restart_postgres(scene: Scene) -> float:
    return await _postgres_away(scene, 0.0)


async def stop_postgres(scene: Scene) -> float:
    return await _postgres_away(scene, scene.chance.uniform(0.5, 3.0))


async def _postgres_away(scene: Scene, seconds: float) -> float:
    await scene.some_time()
    began = time.monotonic()
    await scene.lane.postgres.stop()
    await asyncio.sleep(seconds)
    await scene.lane.postgres.start()
    return began


async def crash_postgres(scene: Scene) -> float:
    await scene.some_time()
    began = time.monotonic()
    await scene.lane.postgres.crash()
    await scene.lane.postgres.start()
    return began


async def redeliver(scene: Scene) -> float:
    for _ in range(3):
        await scene.some_time()
        for chat, message in scene.asked:
            scene.platform.redeliver(chat, message)
    return time.monotonic()


async def race(scene: Scene) -> float:
    """Two of each look at the same turns; each is told of them at once, again and again."""
    await scene.first_asked.wait()
    began = time.monotonic()
    for chat, message in scene.asked:
        scene.platform.redeliver(chat, message)
    return began


async def skew(scene: Scene) -> float:
    """The clocks of one worker and one gateway go wrong by a minute, this way or that."""
    wrong = scene.chance.choice((-SKEW_SECONDS, SKEW_SECONDS))
    await scene.lane.living("worker")[-1].order(skew=wrong)
    await scene.first_asked.wait()
    return time.monotonic()


def _ailing(ailment: Ailment) -> Strike:
    async def strike(scene: Scene) -> float:
        call: Call = scene.chance.choice(("post", "edit"))
        scene.platform.ail(call, ailment, scene.chance.choice((1, 1, 2)))
        await scene.first_asked.wait()
        return time.monotonic()

    return strike


STRIKES: Mapping[str, Strike] = {
    one.__name__: one
    for one in (
        kill_after_ack,
        no_worker,
        kill_worker,
        kill_gateway,
        kill_both,
        kill_core,
        stop_both,
        flush_redis,
        restart_redis,
        stop_redis,
        restart_postgres,
        stop_postgres,
        crash_postgres,
        redeliver,
        race,
        skew,
    )
} | {
    f"platform_{ailment}": _ailing(ailment) for ailment in ("busy", "broken", "slow", "cut", "lost")
}
