"""A Ray cluster that we join, or a Ray of our own on this machine.

A cluster is a team's: joined by its address, and left as it was. Without an address Ray's servers
are started here, on loopback, without its dashboard, in a folder of our own; they end with us, also
after kill -9. Either way nothing is reported to anybody.

Ray's servers end with the *thread* that started them (PR_SET_PDEATHSIG), and Ray's calls block: so
one thread, which lives as long as the connection, makes all of them. It is not the main thread, in
which Ray would take SIGTERM for itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from inference.errors import EngineUnavailable, ProfileRefused
from inference.processes import EngineProcess, end_processes, with_descendants
from inference.vllm_launch import environment_set

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
}
OBJECT_STORE_BYTES = 128 * 2**20  # deltas are small, and go another way
_FOLDER = "outrider-ray-"

P = ParamSpec("P")
T = TypeVar("T")


def require_ray(profile: str) -> None:
    """Raises ProfileRefused where Ray isn't installed."""
    if importlib.util.find_spec("ray") is None:
        raise ProfileRefused(
            f"The profile {profile} is to run on Ray, which is not installed: run "
            "pip install 'outrider[ray]'."
        )


def require_gpus(address: str, gpus: int, profile: str) -> None:
    """Raises EngineUnavailable, or ProfileRefused with the numbers. Blocks for seconds.

    vLLM itself waits for half an hour for cards that are not there.
    """
    import ray

    with environment_set(ENVIRONMENT):
        _join(address)
        try:
            there = int(ray.cluster_resources().get("GPU", 0))
            free = int(ray.available_resources().get("GPU", 0))
        finally:
            ray.shutdown()
    if free < gpus:
        raise ProfileRefused(
            f"The profile {profile} needs {gpus} GPUs, and the Ray cluster at {address} has "
            f"{there}, of which {free} are free: add hosts to it, or end what uses them."
        )


@dataclass(slots=True)
class RayCluster:
    """`address` None starts a Ray of our own with `cpus` places for actors."""

    address: str | None
    cpus: int = 1
    _thread: ThreadPoolExecutor | None = field(default=None, init=False)
    _folder: Path | None = field(default=None, init=False)

    @property
    def ours(self) -> bool:
        return self.address is None

    async def open(self) -> None:
        """Raises EngineUnavailable."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outrider-ray")
        await self.call(self._open)

    async def close(self) -> None:
        """Leave the cluster, or end our own with all its processes."""
        if self._thread is None:
            return
        try:
            await self.call(self._close)
        finally:
            self._thread.shutdown(wait=False)
            self._thread = None

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`function` in Ray's thread, after all that was called before."""
        if self._thread is None:
            raise EngineUnavailable("Ray is not connected: try again shortly.")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: function(*args, **kwargs))

    # --- in Ray's thread ---

    def _open(self) -> None:
        _quiet()
        with environment_set(ENVIRONMENT):
            if self.address is not None:
                _join(self.address)
            else:
                self._start()

    def _start(self) -> None:
        import ray

        remove_left_over()
        # Sockets lie below it, and their paths have at most 107 characters.
        self._folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-", dir="/tmp"))
        try:
            ray.init(
                "local",
                num_cpus=self.cpus,
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                _node_ip_address="127.0.0.1",
                _temp_dir=str(self._folder),
                **_QUIET,
            )
        except Exception as error:
            raise EngineUnavailable(f"Ray did not start here: {error}") from error

    def _close(self) -> None:
        import ray

        processes = self._processes()
        with contextlib.suppress(Exception):
            ray.shutdown()
        end_processes(processes)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _processes(self) -> set[EngineProcess]:
        """Ray's servers that we started, and all that they started: replicas, engine cores."""
        if self._folder is None:
            return set()
        mine = {one.pid for one in with_descendants([os.getpid()])} - {os.getpid()}
        roots = [pid for pid in mine if str(self._folder) in _command(pid)]
        return with_descendants(roots)


def remove_left_over() -> None:
    """The folders of Rays whose owner was killed: logs and sockets that nobody reads."""
    for folder in Path("/tmp").glob(f"{_FOLDER}*"):  # noqa: S108
        owner = folder.name.removeprefix(_FOLDER).partition("-")[0]
        with contextlib.suppress(OSError):
            if folder.stat().st_uid == os.getuid() and not Path(f"/proc/{owner}").exists():
                shutil.rmtree(folder, ignore_errors=True)


_QUIET: dict[str, Any] = {
    "configure_logging": False,
    "log_to_driver": False,
    "ignore_reinit_error": False,
}


def _join(address: str) -> None:
    import ray

    try:
        ray.init(address, **_QUIET)
    except Exception as error:
        raise EngineUnavailable(
            f"The Ray cluster at {address} can't be joined from this host: start Ray here with "
            "'ray start', as docs/several-machines.md says, or correct "
            f"OUTRIDER_ENGINE__RAY_ADDRESS. ({_first_line(error)})"
        ) from error


def _quiet() -> None:
    """Ray's lines go where ours go, and only those that matter."""
    for name in ("ray", "ray.serve"):
        log = logging.getLogger(name)
        log.handlers.clear()
        log.propagate = True
        log.setLevel(logging.ERROR)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""
