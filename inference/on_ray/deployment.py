"""What runs on the cluster: a Serve deployment, of which each replica owns one engine.

The replica builds its engine from the profile's settings, as a worker would. Secrets are no part of
them: Serve keeps a deployment's arguments in the cluster's store.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog
from ray import serve
from ray.serve.config import RequestRouterConfig

from inference.api import (
    ChatMessage,
    Delta,
    EngineInfo,
    EngineStatistics,
    GenerationRequest,
    Prompt,
    Sampling,
)
from inference.errors import EngineUnavailable
from inference.on_ray.routing import ROUTER
from inference.processes import end_processes, multiprocessing_children, with_descendants
from inference.profiles import Profile
from inference.settings import EngineSettings
from inference.start import build_engine
from inference.stillness import Stillness

MOST_QUEUED = 1024  # as many as vLLM itself lets wait
HEALTH_SECONDS = 2.0
# What runs is given up after so long: whoever asked goes on from its tokens elsewhere.
DRAIN_SECONDS = 5.0

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Replicas share a machine's cores: each bound to the first ones would leave the others idle.
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
}

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Replicas:
    """How many, and what each takes of its host."""

    count: int
    cpus: float
    gpus: int

    @classmethod
    def of(cls, profile: Profile, count: int) -> Replicas:
        cards = profile.tensor_parallel * profile.pipeline_parallel
        return cls(count, 1.0, cards if profile.gpus else 0)


class ModelReplica:
    """Methods are called by `RayServeEngine`; errors are EngineErrors, which cross as they are."""

    async def __init__(  # type: ignore[misc]  # Serve awaits it
        self, settings: dict[str, Any], data_dir: str
    ) -> None:
        os.environ.update(ENVIRONMENT)
        told = EngineSettings(**settings)
        self._stillness = Stillness(told.stuck_after_seconds)
        self._engine = build_engine(told, Path(data_dir))
        await self._engine.start(lambda line, share: None)

    async def describe(self) -> EngineInfo:
        return replace(self._engine.info, embeddings="")  # none are made over Ray Serve

    async def statistics(self) -> EngineStatistics:
        return self._engine.statistics()

    async def counts(self) -> tuple[str, EngineStatistics]:
        """With this replica's name, which no other one ever has."""
        return serve.get_replica_context().replica_tag, self._engine.statistics()

    async def render(self, messages: tuple[ChatMessage, ...], sampling: Sampling | None) -> Prompt:
        return await self._engine.render(messages, sampling)

    async def generate(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        """Serve cancels it when the caller goes away, which aborts the engine's request."""
        try:
            async for delta in self._engine.generate(request):
                yield delta
        except EngineUnavailable:
            await self._end_if_dead()
            raise

    async def check_health(self) -> None:
        """Asked by Serve. A replica whose engine has died or is stuck ends, and Serve starts
        another. The worker can't see that: it knows only what it asked itself."""
        await self._end_if_dead()
        counts = self._engine.statistics()
        if self._stillness.stuck(counts, time.monotonic()):
            _log.error("replica_stuck", requests_running=counts.requests_running)
            # Those that stand still don't see that we go.
            end_processes(with_descendants(multiprocessing_children()))
            os._exit(1)

    async def __del__(self) -> None:
        """Asked by Serve at the end."""
        await self._engine.stop()

    async def _end_if_dead(self) -> None:
        if (await self._engine.health()).state == "dead":
            os._exit(1)  # at once, or the router sends the next one here


def application(
    profile: Profile, settings: dict[str, Any], data_dir: Path, replicas: Replicas
) -> serve.Application:
    deployment = serve.deployment(
        name=ModelReplica.__name__,
        num_replicas=replicas.count,
        ray_actor_options={"num_cpus": replicas.cpus, "num_gpus": replicas.gpus},
        # More than are decoded together would wait in one replica while another has room.
        max_ongoing_requests=profile.max_num_seqs,
        max_queued_requests=MOST_QUEUED,
        health_check_period_s=HEALTH_SECONDS,
        graceful_shutdown_wait_loop_s=0.2,
        graceful_shutdown_timeout_s=DRAIN_SECONDS,
        request_router_config=RequestRouterConfig(request_router_class=ROUTER),
    )(ModelReplica)
    return deployment.bind(settings, str(data_dir))
