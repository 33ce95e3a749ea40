"""`outrider pair CODE`: an admin lets a stranger in."""

from __future__ import annotations

import typer

from assistant.errors import AssistantError
from assistant.incoming.access import AccessPolicy
from assistant.storage.database import open_database
from bots.cli.database import database_url
from bots.settings import Settings


async def pair(settings: Settings, code: str) -> None:
    async with database_url(settings) as url, open_database(url) as database:
        name = await AccessPolicy(database).pair(code)
    if name is None:
        raise AssistantError(
            "Nobody waits with this code: ask the person for the code in the bot's last answer."
        )
    typer.echo(f"{name} may talk to the assistant now.")
