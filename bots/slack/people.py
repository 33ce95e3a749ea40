"""Who people are: their names, the language of their Slack, and whether they administer the
workspace; asked once a day for each.

A message waits a second at most for it, and is taken without it then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from assistant.errors import ChannelError, RateLimited
from bots.slack.client import call
from bots.slack.minute import Minute
from bots.slack.reading.text import storable

ASK_SECONDS = 1.0  # an event must be acknowledged within three
FRESH_SECONDS = 86_400.0
AGAIN_SECONDS = 60.0  # after Slack didn't say
ASKS_A_MINUTE = 80  # Slack takes a hundred of a workspace
MOST = 10_000

_NAME_CHARACTERS = 80
_ADMINS = ("is_admin", "is_owner", "is_primary_owner")

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Person:
    """Empty is unknown. `language` as Slack names it: "de-DE". `team_id`: the workspace that they
    belong to, which is the one that an `admin` administers."""

    name: str = ""
    language: str = ""
    team_id: str = ""
    admin: bool = False


class People:
    """One workspace's people, as far as they were met. Needs users:read; without it nobody is
    known, and all else works."""

    def __init__(self, client: AsyncWebClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._known: dict[str, tuple[float, Person]] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._minute = Minute(ASKS_A_MINUTE, clock)
        self._quiet_until = 0.0

    async def of(
        self, user_ids: Iterable[str], seconds: float = ASK_SECONDS
    ) -> Mapping[str, Person]:
        """Those of them that could be learned in time."""
        ids = set(user_ids)
        unknown = [one for one in ids if self._known.get(one, (0.0,))[0] <= self._clock()]
        if unknown and self._clock() >= self._quiet_until:
            await self._learn(unknown, max(seconds, 0.0))
        return {one: self._known[one][1] for one in ids if one in self._known}

    def name(self, user_id: str) -> str:
        """Nobody is asked; empty for who was not met."""
        return self._known.get(user_id, (0.0, Person()))[1].name

    async def _learn(self, user_ids: Iterable[str], seconds: float) -> None:
        """Two who ask for the same person at once, as twins do, wait for one answer."""
        tasks = [task for one in user_ids if (task := self._asked(one)) is not None]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=seconds)
        if late and seconds >= ASK_SECONDS:
            self._quiet_until = self._clock() + AGAIN_SECONDS

    def _asked(self, user_id: str) -> asyncio.Task[None] | None:
        """None where Slack has been asked for enough people lately."""
        task = self._asking.get(user_id)
        if task is None and self._minute.take():
            task = self._asking[user_id] = asyncio.create_task(self._ask(user_id))
            task.add_done_callback(lambda _: self._asking.pop(user_id, None))
        return task

    async def _ask(self, user_id: str) -> None:
        person, fresh = Person(), AGAIN_SECONDS
        try:
            answer = await call(self._client.users_info, user=user_id, include_locale=True)
            person, fresh = _person(answer.get("user")), FRESH_SECONDS
        except RateLimited as error:
            self._quiet_until = self._clock() + error.retry_after_seconds
            return
        except ChannelError as error:
            _log.debug("person_not_known", code=error.code)
        self._known.pop(user_id, None)
        self._known[user_id] = (self._clock() + fresh, person)
        while len(self._known) > MOST:
            del self._known[next(iter(self._known))]


def _person(user: object) -> Person:
    fields: dict[str, Any] = user if isinstance(user, dict) else {}
    profile = fields.get("profile")
    names: dict[str, Any] = profile if isinstance(profile, dict) else {}
    name = names.get("display_name") or names.get("real_name") or fields.get("name")
    language, team_id = fields.get("locale"), fields.get("team_id")
    return Person(
        " ".join(storable(name).split())[:_NAME_CHARACTERS] if isinstance(name, str) else "",
        storable(language) if isinstance(language, str) else "",
        team_id if isinstance(team_id, str) else "",
        any(fields.get(one) is True for one in _ADMINS),
    )
