"""Where this machine's server is, in a file for the commands that ask it; and its own key."""

from __future__ import annotations

from pathlib import Path

import httpx

from assistant.errors import AssistantError
from bots.settings import Settings
from bots.word import leave_word, read_word, remove_word

FILE = "server.json"
KEY_FILE = "api-key"


def leave_server_word(data_dir: Path, url: str) -> None:
    leave_word(data_dir / FILE, {"url": url})


def remove_server_word(data_dir: Path) -> None:
    remove_word(data_dir / FILE)


async def running_server(settings: Settings, client: httpx.AsyncClient) -> str | None:
    """The address of this data directory's server, if it is alive."""
    said = read_word(settings.data_dir / FILE)
    if said is None:
        return None
    try:
        url = str(said["url"])
        alive = await client.get(f"{url}/healthz")  # its port may be anybody's by now
    except (KeyError, httpx.HTTPError, httpx.InvalidURL):
        return None
    return url if alive.is_success else None


def api_key(settings: Settings) -> str:
    """Raises AssistantError."""
    if settings.api.key is not None:
        return settings.api.key.get_secret_value()
    try:
        return (settings.data_dir / KEY_FILE).read_text("utf-8").strip()
    except OSError as error:
        raise AssistantError(f"The API key can't be read: {error}.") from error
