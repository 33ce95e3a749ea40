"""`outrider admins reset NAME`: for who lost the password, the phone and the recovery codes."""

from __future__ import annotations

import typer

from assistant.storage.admin_changes import AdminChanges
from bots.admin.passwords import hash_password, new_password
from bots.cli.beside import open_beside
from bots.settings import Settings


async def reset(settings: Settings, name: str) -> None:
    """Show the new password, this once. Raises ChangeRefused, in words."""
    password = new_password()
    hashed = await hash_password(password)
    async with open_beside(settings) as beside:
        admin = await AdminChanges(beside.database).let_in_again(name, hashed)
    typer.echo(password)
    typer.echo(
        f"{admin.name} signs in at /admin with this password, without a second factor. It is shown "
        "this once: change it there.",
        err=True,
    )
