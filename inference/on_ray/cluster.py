"""A Ray cluster that we join, or a Ray of our own on this machine.

A cluster is a team's: joined by its address, and left as it was. Without an address Ray's servers
are started here (`head.py`), on loopback, without a dashboard, with a token of their own, in a
folder of ours; they end with us, also after kill -9. Either way nothing is reported to anybody.

Ray's calls block, so one thread makes all of them. It is not the main thread, in which Ray would
take SIGTERM for itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import ParamSpec, TypeVar

import inference
from inference.errors import EngineUnavailable, ProfileRefused
from inference.vllm_engine.launch import environment_set

NOTHING_REPORTED = {"RAY_USAGE_STATS_ENABLED": "0"}
KNOCK_SECONDS = 5.0
LEAVE_SECONDS = 5.0
END_SECONDS = 15.0
OURS = str(Path(inference.__file__).parents[1])  # where Ray's processes find this package
_FOLDERS = "/tmp"  # noqa: S108  sockets lie below, and their paths have at most 107 characters
_FOLDER = "outrider-ray-"

P = ParamSpec("P")
T = TypeVar("T")


def require_ray(profile: str) -> None:
    """Raises ProfileRefused where Ray isn't installed."""
    if importlib.util.find_spec("ray") is None:
        raise ProfileRefused(
            f"The profile {profile} is to run on Ray, which is not installed: run "
            "pip install '.[ray]'."
        )


def require_gpus(address: str, gpus: int, profile: str) -> None:
    """Raises EngineUnavailable, or ProfileRefused with the numbers. Blocks for seconds.

    vLLM itself waits for half an hour for cards that are not there.
    """
    import ray

    join(address)
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
    _head: Head | None = field(default=None, init=False)

    async def open(self) -> None:
        """Raises EngineUnavailable."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outrider-ray")
        await self.call(self._open)

    async def close(self) -> None:
        """Leave the cluster, or end our own with all its processes."""
        if self._thread is None:
            return
        thread = self._thread
        leaving = asyncio.ensure_future(self.call(_leave))
        try:
            await asyncio.wait([leaving], timeout=LEAVE_SECONDS)
            if self.address is None and self._head is None:
                await asyncio.wait([leaving], timeout=END_SECONDS)  # behind a start of our own Ray
            if self._head is not None:
                await asyncio.to_thread(self._head.end)
                await asyncio.wait([leaving], timeout=LEAVE_SECONDS)  # it may have hung on servers
        finally:
            self._thread = self._head = None
            thread.shutdown(wait=False)

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`function` in Ray's thread, after all that was called before."""
        if self._thread is None:
            raise EngineUnavailable("Ray is not connected: try again shortly.")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: function(*args, **kwargs))

    def _open(self) -> None:
        if self.address is not None:
            join(self.address)
            return
        self._head = Head.started(self.cpus)
        join(self._head.address, self._head.variables)


@dataclass(frozen=True, slots=True)
class Head:
    """Ray's servers in a process of their own; `variables` are what a driver of theirs needs."""

    process: subprocess.Popen[str]
    folder: Path
    address: str
    variables: dict[str, str]

    @classmethod
    def started(cls, cpus: int) -> Head:
        """Raises EngineUnavailable, with what Ray said last."""
        remove_left_over()
        folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-", dir=_FOLDERS))
        token = folder / "token"
        token.touch(mode=0o600)
        token.write_text(secrets.token_hex(32))
        variables = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            # Ray's name for: this host's address is its loopback's.
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "PYTHONPATH": os.pathsep.join([OURS, *_python_path()]),
        }
        with environment_set(NOTHING_REPORTED | variables), (folder / "head.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "inference.on_ray.head", str(folder), str(cpus)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is for us, who end it in order
            )
        said = process.stdout.readline() if process.stdout is not None else ""
        head = cls(process, folder, said.strip(), variables)
        if not head.address:
            lines = (folder / "head.log").read_text(errors="replace").strip().splitlines()
            head.end()
            raise EngineUnavailable(f"Ray did not start here: {' '.join(lines[-1:])}")
        return head

    def end(self) -> None:
        """All its processes, and the folder."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def join(address: str, variables: dict[str, str] | None = None) -> None:
    """Become a driver of the cluster; `variables` of our own. Raises EngineUnavailable. Blocks."""
    import ray
    from ray import _raylet
    from ray._private import ray_constants

    quiet_logs()
    if variables is not None:
        ray_constants.ENABLE_RAY_CLUSTER = False  # what its variable says only at the import
    with environment_set(NOTHING_REPORTED | (variables or {})):
        # Ray reads these once in a process; ours may have been in another cluster before.
        _raylet.Config.initialize("")  # type: ignore[attr-defined]
        _raylet.AuthenticationTokenLoader.instance().reset_cache()  # type: ignore[attr-defined]
        try:
            if ray.is_initialized():  # an earlier one whose end hung
                ray.shutdown()
            if address != "auto":
                _knock(address)
            ray.init(address, configure_logging=False, log_to_driver=False)
        except Exception as error:
            raise EngineUnavailable(
                f"The Ray cluster at {address} can't be joined from this host: start Ray here as "
                "docs/several-machines.md says, or correct OUTRIDER_ENGINE__RAY_ADDRESS. "
                f"({_first_line(error)})"
            ) from error


def _knock(address: str) -> None:
    """Raises OSError where nobody listens; Ray would try for minutes."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), KNOCK_SECONDS).close()


def _leave() -> None:
    import ray

    with contextlib.suppress(Exception):
        ray.shutdown()


class _Claim:
    """An actor that does nothing; Ray has one of each name."""


@contextlib.contextmanager
def claimed(name: str) -> Iterator[bool]:
    """Whether it is ours alone in the cluster meanwhile; False where another one has it.

    Ray ends an actor with its driver, so that nothing stays claimed by who was killed.
    """
    import ray

    claim = None
    with contextlib.suppress(ValueError):  # it is taken
        claim = ray.remote(_Claim).options(name=name, namespace="outrider", num_cpus=0).remote()
    try:
        yield claim is not None
    finally:
        if claim is not None:
            ray.kill(claim)


def remove_left_over() -> None:
    """The folders of Rays whose owner and head were both killed."""
    for folder in Path(_FOLDERS).glob(f"{_FOLDER}*"):
        owner = folder.name.removeprefix(_FOLDER).partition("-")[0]
        with contextlib.suppress(OSError):
            if folder.stat().st_uid == os.getuid() and not Path(f"/proc/{owner}").exists():
                shutil.rmtree(folder, ignore_errors=True)


def quiet_logs() -> None:
    """Of Ray's lines only errors, where ours go. To be called after each import that sets them."""
    for name in ("ray", "ray.serve"):
        log = logging.getLogger(name)
        log.handlers.clear()
        log.propagate = True
        log.setLevel(logging.ERROR)


def _python_path() -> list[str]:
    return [one for one in [os.environ.get("PYTHONPATH", "")] if one]


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
