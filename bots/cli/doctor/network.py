"""The port that Outrider listens on, and who may come in."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx

from assistant.errors import StartupError
from bots.cli.doctor.finding import Finding, fine
from bots.http.hosts import is_loopback
from bots.http.safety import names_for_others, require_password
from bots.http.server import listen
from bots.server_word import running_server
from bots.settings import Settings


async def port(settings: Settings) -> Finding:
    try:
        listen(settings.host, settings.port).close()
    except StartupError:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
            url = await running_server(settings, client)
        if url is None or urlsplit(url).port != settings.port:
            raise
        return fine(f"This data directory's Outrider runs at {url}.")
    return fine(f"Port {settings.port} on {settings.host} is free.")


async def door(settings: Settings) -> Finding:
    """Raises StartupError where others could come in without a password."""
    names = settings.http.allowed_hosts
    require_password(settings.host, settings.admin.password, names)
    if is_loopback(settings.host) and not names_for_others(names):
        return fine("Only this machine can reach the pages.")
    return fine("Other machines can reach the pages, with the password.")
