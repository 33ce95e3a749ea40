"""All workspaces as one inbox: what came goes to the one that it belongs to.

One app token and one signing secret serve them all, so what comes must say where it belongs. What
belongs to a workspace that we are not in is acknowledged, and dropped with a line in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from assistant.errors import ChannelError, CredentialsRefused
from assistant.messages import Arrival
from bots.slack.identity import BotIdentity
from bots.slack.install.belonging import (
    Belonging,
    is_everybodys,
    leaves,
    of_event,
    of_interaction,
    of_slash,
)
from bots.slack.install.installs import SlackInstalls
from bots.slack.install.workspace import Workspace

_log = structlog.get_logger()


def _unheard(account: str) -> None:
    """Nobody wants to know that something came."""


class Workspaces:
    """Implements `bots.slack.install.workspace.Inbox`."""

    def __init__(
        self,
        home: Workspace | None,
        installs: SlackInstalls | None,
        hear: Callable[[str], object] = _unheard,
    ) -> None:
        """`home`: the workspace of the token in the settings. `hear` is given the account of each
        for which something came."""
        self._home = home
        self._installs = installs
        self._hear = hear

    async def connect(self) -> BotIdentity | None:
        """Who we are at home. Its token being refused is no reason to leave the others alone."""
        try:
            return await self._at_home()
        except CredentialsRefused as error:
            if self._installs is None:
                raise
            _log.error("slack_token_refused", account="default", reason=str(error))
            return None

    async def event(self, body: object, arrival: Arrival | None = None) -> None:
        workspace = await self._of(of_event(body), "event")
        if leaves(body):
            await self._left(workspace)
            return
        if workspace is not None:
            await workspace.inbox.event(body, arrival)
        if is_everybodys(body):
            await self._offer(body, arrival, besides=workspace)

    async def interaction(self, payload: object) -> Mapping[str, Any]:
        workspace = await self._of(of_interaction(payload), "interaction")
        return {} if workspace is None else await workspace.inbox.interaction(payload)

    async def slash(self, payload: object) -> str:
        workspace = await self._of(of_slash(payload), "slash")
        return "" if workspace is None else await workspace.inbox.slash(payload)

    async def close(self) -> None:
        if self._home is not None:
            await self._home.inbox.close()
        if self._installs is not None:
            await self._installs.close()

    async def _left(self, workspace: Workspace | None) -> None:
        if workspace is not None and workspace is self._home:
            _log.error("slack_token_revoked", account="default")
        elif workspace is not None and self._installs is not None:
            await self._installs.confirm(workspace)

    async def _offer(
        self, body: object, arrival: Arrival | None, *, besides: Workspace | None
    ) -> None:
        """To the others that may be in the channel: each hears what is for it, and no more. One
        that was installed as well as set is one."""
        installed = () if self._installs is None else self._installs.all
        has_it: set[str] = set()
        for one in (besides, self._home, *installed):
            if one is None or (one is besides and has_it):
                continue
            try:
                identity = await one.inbox.connect()
                team_id = identity.team_id if identity else one.account
                if team_id not in has_it and one is not besides:
                    await one.inbox.event(body, arrival)
                has_it.add(team_id)
            except ChannelError as error:  # the others have it; they need not get it again
                _log.warning("slack_workspace_deaf", account=one.account, code=error.code)

    async def _of(self, belonging: Belonging, what: str) -> Workspace | None:
        """Raises StorageUnavailable, and ChannelError where it isn't known who we are at home."""
        found = self._surely(belonging) or await self._probably(belonging)
        if found is None and self._installs is not None and belonging.teams:
            await self._installs.look()  # it may be new, on another replica
            found = self._surely(belonging) or await self._probably(belonging)
        if found is None:
            _log.warning("slack_workspace_unknown", kind=what, teams=belonging.teams)
        else:
            self._hear(found.account)
        return found

    def _surely(self, belonging: Belonging) -> Workspace | None:
        """An installed one, for which it doesn't matter who we are at home."""
        if self._installs is None:
            return None
        if belonging.bot_id:
            return self._installs.by_bot(belonging.bot_id)
        return self._installs.of(belonging.teams[0]) if belonging.teams else None

    async def _probably(self, belonging: Belonging) -> Workspace | None:
        """What names no workspace is for the one of the settings."""
        home = await self._at_home()
        if home is not None and _is_ours(belonging, home):
            return self._home
        for team in belonging.teams:
            if home is not None and team in (home.team_id, home.enterprise_id):
                return self._home
            if self._installs is not None and (found := self._installs.of(team)):
                return found
        return None

    async def _at_home(self) -> BotIdentity | None:
        return None if self._home is None else await self._home.inbox.connect()


def _is_ours(belonging: Belonging, home: BotIdentity) -> bool:
    """By our own message, or because nothing says otherwise."""
    return not belonging.teams or (bool(belonging.bot_id) and belonging.bot_id == home.bot_id)
