"""A forked process on its way to be Outrider's gateway or worker.

It is told by its control socket, a JSON object a line, what to plant, and tells there when a plant
strikes. The socket's end is its death.

    {"plant": {…}, "channel": "telegram"}    {"clear": true}
    {"pace": 0.15}    seconds between two calls into a chat; null: the platform's own
    {"skew": 60.0}    its clock is so many seconds ahead
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp

import bots.slack.channel
import bots.slack.client
import bots.slack.paces
import bots.telegram.channel
import bots.telegram.request
from assistant.channel import Pace
from bots.cli import main as cli
from tests.faults.matrix.plant import Plant, Planted

PR_SET_PDEATHSIG = 1
# Instead of 15 and 20 s, so that a platform that hangs does not hold a run up for so long.
CALL_SECONDS = 5.0
ACCOUNT_CALLS = 1000.0  # a second


@dataclass(frozen=True, slots=True)
class Spec:
    """What a child shall be."""

    role: str
    folder: str
    log: str
    environment: Mapping[str, str]


def become(spec: Spec, control: socket.socket, parent: int) -> None:
    """Be that process until it ends; never returns."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    _enter(spec)
    listener = Control(control)
    threading.Thread(target=listener.listen, name="control", daemon=True).start()
    bots.telegram.request.READ_SECONDS = CALL_SECONDS
    bots.slack.client.CALL_TIMEOUT = aiohttp.ClientTimeout(total=CALL_SECONDS, sock_connect=1)
    code = 1
    try:
        {"gateway": cli.gateway, "worker": cli.worker}[spec.role]()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def _enter(spec: Spec) -> None:
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    log = os.open(spec.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(spec.folder)
    for name in [name for name in os.environ if name.startswith("OUTRIDER_")]:
        del os.environ[name]
    os.environ.update(spec.environment)
    gc.enable()


@dataclass(slots=True)
class Control:
    """The thread that does what the harness says."""

    socket: socket.socket
    _planted: list[Planted] = field(default_factory=list, init=False)
    _telegram: Pace = field(default=bots.telegram.channel.PACE, init=False)
    _slack: dict[str, Pace] = field(default_factory=lambda: _slack_paces(), init=False)

    def listen(self) -> None:
        with self.socket.makefile("r", encoding="utf-8") as lines:
            for line in lines:
                self._obey(json.loads(line))
                self._tell({"done": True})

    def _obey(self, order: dict[str, Any]) -> None:
        if "plant" in order:
            plant = Plant(**order["plant"])
            self._planted.append(
                Planted(plant, order["channel"], lambda: self._tell({"hit": plant.target}))
            )
        if "clear" in order:
            while self._planted:
                self._planted.pop().clear()
            time.time = _wall_clock
        if "skew" in order:
            time.time = lambda: _wall_clock() + order["skew"]
        if "pace" in order:
            self._set_pace(order["pace"])

    def _set_pace(self, seconds: float | None) -> None:
        def as_told(pace: Pace) -> Pace:
            if seconds is None:
                return pace
            return replace(
                pace,
                private_interval_seconds=seconds,
                group_interval_seconds=seconds,
                account_calls=ACCOUNT_CALLS,
                account_seconds=1.0,
            )

        bots.telegram.channel.PACE = as_told(self._telegram)
        for name, pace in self._slack.items():
            setattr(bots.slack.paces, name, as_told(pace))

    def _tell(self, fact: dict[str, Any]) -> None:
        self.socket.sendall(json.dumps(fact).encode() + b"\n")


def _slack_paces() -> dict[str, Pace]:
    return {name: one for name, one in vars(bots.slack.paces).items() if isinstance(one, Pace)}


_wall_clock = time.time
