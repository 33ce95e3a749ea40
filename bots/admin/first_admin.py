"""The first admin: by the password of the settings, or by one that is made and printed once."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from pydantic import SecretStr

from assistant.storage.admins import Admins
from bots.admin.passwords import hash_password, new_password, verify_password

log = structlog.get_logger()

NAME = "admin"


async def ensure_admin(
    admins: Admins, password: SecretStr | None, say: Callable[[str], None]
) -> None:
    """`password`, from the settings, is that of the admin `admin`, and stays it at each start:
    who forgot theirs comes in by it. Without it, and without any admin, one is made; of replicas
    that start at once only the one that made it says its password."""
    if password is not None:
        await _as_settings_say(admins, password.get_secret_value())
    elif not await admins.any():
        made = new_password()
        if await admins.create(NAME, "admin", await hash_password(made)) is not None:
            say(f"The dashboard at /admin opens for {NAME} with the password {made}")
            say("It is shown this once: change it there, or set OUTRIDER_ADMIN__PASSWORD.")


async def _as_settings_say(admins: Admins, password: str) -> None:
    found = await admins.find(NAME)
    if found is None:
        if await admins.create(NAME, "admin", await hash_password(password)) is None:
            log.info("admin_made_elsewhere")
        return
    admin, known = found
    if not await verify_password(known, password):
        await admins.set_password(admin.id, await hash_password(password), actor=None)
    await admins.rescue(admin.id)
