"""`outrider slack workspaces`: where the app is installed."""

from __future__ import annotations

from collections.abc import Callable

from assistant.storage.installs import Installs
from bots.cli.beside import open_beside
from bots.settings import Settings
from bots.slack.install.installs import CHANNEL

Say = Callable[[str], None]


async def show(settings: Settings, say: Say) -> None:
    async with open_beside(settings) as beside:
        installs = await Installs(beside.database, CHANNEL).listed()
    served = settings.slack.workspaces
    for one in installs:
        off = "" if not served or one.account in served else ", not in OUTRIDER_SLACK__WORKSPACES"
        say(f"{one.account} {one.title} (by {one.installed_by or 'unknown'}{off})")
    if not installs:
        say("No workspace has installed the app.")
