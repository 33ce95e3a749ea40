"""The workspaces that installed the app, live: an install on one replica is served by all.

Postgres says which there are. Every replica looks there every few seconds, and at once when
something comes from a workspace that it doesn't know. Whether one took its token away is asked of
Slack before the token is forgotten: what says so may be late, and a new install stand since.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from pydantic import SecretStr

from assistant.accounts import Account
from assistant.errors import ChannelError, StorageUnavailable
from assistant.outgoing.open_channels import OpenChannels
from assistant.service import Assistant
from assistant.storage.installs import Install, Installs
from bots.seal import Seal, SealBroken
from bots.slack.client import connect
from bots.slack.errors import TokenDead
from bots.slack.install.grant import Grant, InstallRefused
from bots.slack.install.workspace import Bot, Inbox, Workspace

CHANNEL = "slack"
LOOK_SECONDS = 2.0

Register = Callable[[str], Awaitable[Account]]
# Given the account, its token, and whom to tell when Slack doesn't know that any more.
OpenBot = Callable[[str, SecretStr, Callable[[], None]], Bot]
Attend = Callable[[Bot], Inbox]

_log = structlog.get_logger()


@dataclass(slots=True)
class SlackInstalls:
    """`register` makes a workspace an account, and `attend` takes in what comes for its bot.

    `workspaces`: the only ones that are served; empty: all. What another one installed stays kept.
    """

    kept: Installs
    seal: Seal
    channels: OpenChannels
    register: Register
    open_bot: OpenBot
    attend: Attend
    assistant: Assistant
    workspaces: Collection[str] = ()
    look_seconds: float = LOOK_SECONDS
    _open: dict[str, Workspace] = field(default_factory=dict, init=False)
    _unreadable: set[int] = field(default_factory=set, init=False)
    _doubted: set[tuple[str, int]] = field(default_factory=set, init=False)
    _doubt: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    def of(self, team_id: str) -> Workspace | None:
        return self._open.get(team_id)

    @property
    def all(self) -> Sequence[Workspace]:
        return list(self._open.values())

    def by_bot(self, bot_id: str) -> Workspace | None:
        return next((one for one in self._open.values() if one.bot_id == bot_id), None)

    async def run(self) -> None:
        """Open what is installed and close what was taken off, until cancelled."""
        try:
            while True:
                await self._look_after()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.look_seconds):
                        await self._doubt.wait()
        finally:
            await self.close()

    async def look(self) -> None:
        """See what is installed now. Raises StorageUnavailable."""
        async with self._looking:
            listed = {one.account: one for one in await self.kept.listed() if self._serves(one)}
            for account, workspace in list(self._open.items()):
                if account not in listed or listed[account].number != workspace.number:
                    await self._shut(account, workspace)
            for account, install in listed.items():
                if account not in self._open:
                    await self._begin(install)

    async def add(self, grant: Grant) -> None:
        """Serve this workspace from now on, on every replica. Raises ChannelError,
        InstallRefused and StorageUnavailable; then nothing is kept."""
        bot = self.open_bot(grant.team_id, grant.token, _nobody)
        identity = await connect(bot.client)
        if identity.team_id != grant.team_id:
            raise InstallRefused("refused")
        await self.register(grant.team_id)
        await self.kept.keep(
            grant.team_id,
            self.seal.close(grant.team_id, grant.token),
            title=grant.team_name,
            bot_id=identity.bot_id,
            scopes=grant.scopes,
            installed_by=grant.installed_by,
        )
        _log.info("slack_installed", team=grant.team_id, installed_by=grant.installed_by)
        await self.look()

    async def confirm(self, workspace: Workspace) -> None:
        """The workspace is said to have taken its token away: where Slack doesn't know it, its
        account is off. Raises StorageUnavailable, and ChannelError where Slack can't be asked."""
        try:
            await connect(workspace.bot.client)
        except TokenDead as error:
            await self._end(workspace, str(error))

    async def close(self) -> None:
        """Let what is being said be said, for a moment."""
        for workspace in self._open.values():
            await workspace.inbox.close()

    async def _look_after(self) -> None:
        self._doubt.clear()
        doubted, self._doubted = self._doubted, set()
        try:
            await self.look()
            for account, number in doubted:
                workspace = self._open.get(account)
                if workspace is not None and workspace.number == number:
                    await self.confirm(workspace)
        except (StorageUnavailable, ChannelError) as error:
            _log.warning("slack_installs_not_seen", code=error.code)
            await asyncio.sleep(self.look_seconds)

    def _serves(self, install: Install) -> bool:
        return not self.workspaces or install.account in self.workspaces

    async def _begin(self, install: Install) -> None:
        try:
            token = self.seal.open(install.account, install.token)
        except SealBroken as error:
            if install.number not in self._unreadable:
                self._unreadable.add(install.number)
                _log.error("slack_workspace_off", team=install.account, reason=str(error))
            return
        if not self.seal.is_fresh(install.token):
            await self.kept.reseal(install, self.seal.close(install.account, token))
        key = install.account, install.number
        bot = self.open_bot(install.account, token, lambda: self._suspect(key))
        self.channels.open(bot.channel, await self.register(install.account))
        workspace = Workspace(bot, self.attend(bot), install.number, install.bot_id)
        self._open[install.account] = workspace
        _log.info("slack_workspace_open", team=install.account)

    async def _shut(self, account: str, workspace: Workspace) -> None:
        del self._open[account]
        self.channels.close(CHANNEL, account)
        await workspace.inbox.close()
        _log.info("slack_workspace_closed", team=account)

    async def _end(self, workspace: Workspace, reason: str) -> None:
        account = workspace.account
        turns = await self.kept.end(account, workspace.number)
        if turns is not None:
            _log.warning("slack_workspace_left", team=account, reason=reason, turns=len(turns))
        for turn_id in turns or ():
            await self.assistant.stop(turn_id)
        await self.look()

    def _suspect(self, key: tuple[str, int]) -> None:
        self._doubted.add(key)
        self._doubt.set()


def _nobody() -> None:
    """A token that is refused at its install was never kept."""
