"""Put the door before an application."""

from __future__ import annotations

import time
from collections.abc import Callable

from fastapi import FastAPI
from starlette.types import ASGIApp

from bots.http.failures import answer_failures
from bots.http.guard import Guard
from bots.http.safety import HttpSafety
from bots.http.session import Sessions
from bots.http.signin import signin_router
from bots.http.throttle import Throttle


def secure(app: FastAPI, safety: HttpSafety, clock: Callable[[], float] = time.time) -> ASGIApp:
    """Return what the server must serve in place of `app`: the same, behind the checks.

    Host and Origin, the body's size, security headers on every response, sign-in where a password
    is set, and one JSON form for every failure. `clock` gives Unix seconds.
    """
    answer_failures(app)
    sessions = None
    if safety.password is not None:
        sessions = Sessions(safety.session_secret, safety.password, clock)
        app.include_router(signin_router(safety.password, sessions, Throttle(clock)))
    return Guard(app, safety, sessions)
