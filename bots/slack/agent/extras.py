"""Calls that no answer needs: titles, suggestions. What Slack refuses is left alone for a while.

They write no message, so no chat's budget counts them; how often Slack takes each is its own rate.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from assistant.errors import (
    ChannelError,
    MessageGone,
    PlatformUnavailable,
    RateLimited,
    RecipientUnreachable,
)
from bots.slack.client import call
from bots.slack.minute import Minute

CALLS_A_MINUTE = 80  # Slack takes a hundred of a workspace
OFF_SECONDS = 3_600.0  # after Slack said that the app may not, or that this workspace has no such

_log = structlog.get_logger()


class Extras:
    """One workspace's. Never raises an error of Slack's."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._off_until: dict[str, float] = {}
        self._minutes: dict[str, Minute] = {}

    async def call(
        self,
        name: str,
        request: Callable[..., Awaitable[Any]],
        /,
        *,
        success: str = "",
        **arguments: Any,
    ) -> bool:
        """Whether it was done. `name` is what is left alone when Slack refuses it; `success` as
        in `bots.slack.client.call`."""
        if self._clock() < self._off_until.get(name, 0.0) or not self._minute(name).take():
            return False
        try:
            await call(request, success=success, **arguments)
        except RateLimited as error:
            self._off_until[name] = self._clock() + error.retry_after_seconds
            return False
        except (PlatformUnavailable, RecipientUnreachable, MessageGone) as error:
            _log.debug("slack_extra_failed", call=name, code=error.code)
            return False
        except ChannelError as error:
            self._off_until[name] = self._clock() + OFF_SECONDS
            _log.warning("slack_extra_off", call=name, reason=str(error))
            return False
        return True

    def _minute(self, name: str) -> Minute:
        return self._minutes.setdefault(name, Minute(CALLS_A_MINUTE, self._clock))
