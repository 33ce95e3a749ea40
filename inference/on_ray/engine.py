"""An `Engine` that is a client of a Ray Serve application: its replicas answer.

The application is deployed where the cluster has none of this name, or one that failed, and else
used as it is: several workers share it. On a team's cluster it stays when a worker ends, since
loading the model takes minutes; a Ray of our own ends with us.

A replica that dies in mid-answer is an `EngineUnavailable`: the worker's next attempt goes on from
the tokens that it has, on another replica. Serve starts a new one meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog
from pydantic import SecretStr

from inference.api import (
    ChatMessage,
    Delta,
    EngineHealth,
    EngineInfo,
    EngineState,
    EngineStatistics,
    GenerationRequest,
    Progress,
    Prompt,
    Sampling,
)
from inference.errors import EngineError, EngineOverloaded, EngineUnavailable, ProfileRefused
from inference.on_ray.cluster import RayCluster, claimed, quiet_logs
from inference.on_ray.gathered import Gathered
from inference.on_ray.routing import beginning_key
from inference.profiles import Profile
from inference.settings import EngineSettings

POLL_SECONDS = 0.5
GRACE_SECONDS = 60.0  # for further replicas, while one at least is ready
STATISTICS_SECONDS = 2.0  # from one look at what the replicas count to the next
END_SECONDS = 2.0
HEALTH_SECONDS = 10.0  # who doesn't answer for so long is taken for dead
WELL = ("RUNNING", "UNHEALTHY")  # the latter: a replica of it is missing
FAILED = "DEPLOY_FAILED"
NOT_SENT = {"ray_serve", "ray_address", "replicas"}  # of which a replica knows nothing
_GONE = "A replica of the model ended in mid-answer: try again."

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Seen:
    """The application as Serve sees it; `message` says why it can't be."""

    status: str
    running: int
    wanted: int
    message: str

    @property
    def line(self) -> str:
        counted = f"{self.running} of {self.wanted} replicas are ready"
        told = self.message and self.running < self.wanted
        return f"{counted} ({self.message})" if told else counted


class RayServeEngine:
    """`settings.ray_address` None starts a Ray of our own, with `settings.replicas` places."""

    def __init__(self, profile: Profile, settings: EngineSettings, data_dir: Path) -> None:
        self._profile = profile
        self._settings = settings
        self._data_dir = data_dir
        self._cluster = RayCluster(settings.ray_address, settings.replicas)
        self._name = f"outrider-{profile.name}"
        self._handle: Any = None
        self._info: EngineInfo | None = None
        self._state: EngineState = "stopped"
        self._detail = ""
        self._streams: set[Any] = set()  # answers that are being read
        self._counts = EngineStatistics()
        self._gathered = Gathered()
        self._gathering: asyncio.Task[None] | None = None

    @property
    def info(self) -> EngineInfo:
        if self._info is None:
            raise EngineUnavailable("The engine has not started yet: wait a moment.")
        return self._info

    async def start(self, progress: Progress) -> None:
        """One that is ready stays as it is. Raises EngineUnavailable, ProfileRefused."""
        if self._state == "ready":
            return
        self._state, self._detail = "starting", "connecting to Ray"
        progress("connecting to Ray", None)
        try:
            await self._cluster.open()
            with in_our_words():
                while not await self._cluster.call(self._deploy):  # noqa: ASYNC110
                    await asyncio.sleep(POLL_SECONDS)
                await self._until_running(progress)
                self._handle = await self._cluster.call(self._get_handle)
                described: EngineInfo = await self._ask("describe")
                together = described.max_num_seqs * self._settings.replicas
                self._info = replace(described, max_num_seqs=together)
                await self._gather()
        except BaseException as error:
            await self.stop()
            if isinstance(error, EngineError):
                self._detail = str(error)
            raise
        self._gathering = asyncio.create_task(self._keep_gathering())
        self._state, self._detail = "ready", ""
        progress("ready", 1.0)

    async def stop(self) -> None:
        self._state = "stopped"
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        for stream in list(self._streams):
            stream.cancel()  # who reads it is told that it ended
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                while self._streams:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        self._handle = None
        await self._cluster.close()

    async def sleep(self) -> None:
        """The replicas may be others' as well, and stay as they are: only its state changes."""
        self._require_ready()
        self._state = "asleep"

    async def wake(self, progress: Progress) -> None:
        if self._state == "asleep":
            self._state = "ready"
            progress("ready", 1.0)

    async def render(
        self, messages: Sequence[ChatMessage], sampling: Sampling | None = None
    ) -> Prompt:
        if self._state != "asleep":
            self._require_ready()
        prompt: Prompt = await self._ask("render", tuple(messages), sampling)
        return prompt

    async def generate(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        self._require_ready()
        handle = self._handle.options(
            method_name="generate", stream=True, session_id=beginning_key(request.prompt.messages)
        )
        kept, ended = 0, False
        stream = handle.remote(request)
        self._streams.add(stream)
        try:
            with in_our_words():
                async for delta in stream:
                    kept = delta.resumed.prefix_tokens if delta.resumed else kept
                    if ended := delta.finish_reason is not None:
                        self._count(delta, kept)
                    yield delta
        finally:
            self._streams.discard(stream)
            if not ended:
                stream.cancel()

    async def health(self) -> EngineHealth:
        """As Serve sees the replicas: ready while one of them runs, dead without a cluster."""
        if self._state not in ("ready", "stopped") or self._handle is None:
            return EngineHealth(self._state, self._detail)
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                seen = await self._cluster.call(self._look)
        except Exception as error:
            return EngineHealth("dead", f"Ray doesn't answer: {error}")
        whole = seen.running >= seen.wanted
        return EngineHealth("ready" if seen.running else "starting", "" if whole else seen.line)

    def statistics(self) -> EngineStatistics:
        """Requests and tokens of what was asked through this engine, other workers have their own;
        the rest is the replicas', as it was at most STATISTICS_SECONDS ago."""
        own = replace(self._counts, requests_running=len(self._streams))
        return self._gathered.beside(own)

    async def running_in_a_replica(self) -> int:
        """What one of them answers now, as it says itself."""
        counts: EngineStatistics = await self._ask("statistics")
        return counts.requests_running

    # --- in Ray's thread ---

    def _deploy(self) -> bool:
        """False while another worker is at it: Serve would begin anew with a second deployment."""
        from ray import serve

        quiet_logs()
        with claimed(f"{self._name}-deploys") as alone:
            if not alone:
                return False
            # Requests come by handles alone: no HTTP server of Serve's is opened.
            serve.start(proxy_location="Disabled")
            there = serve.status().applications.get(self._name)
            if there is None or there.status == FAILED:
                self._deploy_now()
            return True

    def _deploy_now(self) -> None:
        from ray import serve

        from inference.on_ray.deployment import Replicas, application

        replicas = Replicas.of(self._profile, self._settings.replicas)
        self._require_room(replicas.count, replicas.cpus, replicas.gpus)
        target = serve.RunTarget(
            application(self._profile, sent(self._settings), self._data_dir, replicas),
            name=self._name,
            route_prefix=None,
        )
        serve.run_many([target], wait_for_applications_running=False)

    def _require_room(self, count: int, cpus: float, gpus: int) -> None:
        """Serve would wait for ever for what the cluster doesn't have."""
        import ray

        there = ray.cluster_resources()
        for what, each in (("CPU", cpus), ("GPU", gpus)):
            if count * each > there.get(what, 0):
                raise ProfileRefused(
                    f"{count} replicas of the profile {self._profile.name} need "
                    f"{count * each:g} {what}s, and the Ray cluster has {there.get(what, 0):g}: "
                    "set OUTRIDER_ENGINE__REPLICAS lower, or add hosts to the cluster."
                )

    def _look(self) -> Seen:
        from ray import serve

        application = serve.status().applications[self._name]
        states: Counter[str] = Counter()
        said = application.message
        for deployment in application.deployments.values():
            states.update(deployment.replica_states)
            said = deployment.message or said
        wanted = max(states.total(), 1)
        return Seen(application.status, states["RUNNING"], wanted, _reason(said))

    def _get_handle(self) -> Any:
        from ray import serve

        return serve.get_app_handle(self._name)

    # --- in the event loop ---

    async def _until_running(self, progress: Progress) -> None:
        """Until a new application has all its replicas, or one that was there has any. Who doesn't
        come for GRACE_SECONDS after the last one is not waited for: Serve goes on trying."""
        ready, since = 0, time.monotonic()
        while True:
            seen = await self._cluster.call(self._look)
            if seen.status == FAILED:
                raise EngineUnavailable(f"The replicas did not start: {seen.message}")
            self._detail = seen.line
            progress(seen.line, seen.running / seen.wanted)
            if seen.status in WELL and seen.running:
                return
            if seen.running != ready:
                ready, since = seen.running, time.monotonic()
            if ready and time.monotonic() - since >= GRACE_SECONDS:
                _log.warning("replicas_missing", seen=seen.line)
                return
            await asyncio.sleep(POLL_SECONDS)

    async def _keep_gathering(self) -> None:
        while True:
            await asyncio.sleep(STATISTICS_SECONDS)
            await self._gather()

    async def _gather(self) -> None:
        """What each replica counts. Those that don't answer, or are of an older version, are left
        out: figures are no reason to fail."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(HEALTH_SECONDS):
                told = await self._handle.broadcast("counts").results_async(return_exceptions=True)
            self._gathered.take(dict(one for one in told if isinstance(one, tuple)))

    async def _ask(self, method: str, *arguments: Any) -> Any:
        with in_our_words():
            return await self._handle.options(method_name=method).remote(*arguments)

    def _require_ready(self) -> None:
        if self._state != "ready" or self._handle is None:
            raise EngineUnavailable(
                f"The model is not available ({self._state}): try again shortly."
            )

    def _count(self, last: Delta, kept: int) -> None:
        counts = self._counts
        self._counts = EngineStatistics(
            prompt_tokens=counts.prompt_tokens + last.prompt_tokens,
            output_tokens=counts.output_tokens + last.output_tokens - kept,
            cached_tokens=counts.cached_tokens + last.cached_tokens,
        )


def sent(settings: EngineSettings) -> dict[str, Any]:
    """What the replicas are told; no secret, since it stays in the cluster's store."""
    values = settings.model_dump(exclude=NOT_SENT)
    return {name: one for name, one in values.items() if not isinstance(one, SecretStr)}


def _reason(said: str) -> str:
    """The last line: of a trace that is what went wrong. That a model takes its time to load is
    none."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return "" if not lines or "slow __init__" in said else lines[-1][:300]


@contextlib.contextmanager
def in_our_words() -> Iterator[None]:
    """Ray's errors as EngineErrors; those of a replica as it raised them."""
    from ray.exceptions import RayError, RayTaskError
    from ray.serve.exceptions import BackPressureError, RayServeException

    try:
        yield
    except EngineError as error:
        cause = getattr(error, "cause", None)  # Ray's error, which is of the cause's class as well
        if isinstance(cause, EngineError):
            raise cause from None
        raise
    except BackPressureError as error:
        raise EngineOverloaded("The model has too many questions waiting: try again.") from error
    except RayTaskError as error:
        raise EngineUnavailable(f"A replica failed at this: {error.cause!r}") from error
    except (RayError, RayServeException) as error:
        raise EngineUnavailable(_GONE) from error
