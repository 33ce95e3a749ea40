"""`outrider pair CODE`: an admin lets a stranger in."""

from __future__ import annotations

import typer

from assistant.errors import AssistantError
from assistant.incoming.access import AccessPolicy
from bots.cli.beside import open_beside
from bots.settings import Settings


async def pair(settings: Settings, code: str) -> None:
    async with open_beside(settings) as beside:
        name = await AccessPolicy(beside.database).pair(code)
    if name is None:
        raise AssistantError(
            "Nobody waits with this code: ask the person for the code in the bot's last answer."
        )
    typer.echo(f"{name} may talk to the assistant now.")
