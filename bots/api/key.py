"""The API's bearer key: made at first run, kept in a file that only its owner reads."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

from bots.http.failures import Refused
from bots.http.private_file import load_or_create
from bots.http.safety import same_secret

_BEARER = HTTPBearer(auto_error=False, description="The key in the file that `outrider run` names.")


def load_or_create_key(path: Path) -> SecretStr:
    """The key in `path`, made there (mode 0600) if it is missing. Raises StartupError."""
    return SecretStr(load_or_create(path, lambda: "sk-outrider-" + secrets.token_urlsafe(32)))


class KeyCheck:
    """A FastAPI dependency that lets only bearers of the key in."""

    def __init__(self, key: SecretStr) -> None:
        self._key = key

    async def __call__(
        self, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
    ) -> None:
        if given is None or not same_secret(given.credentials, self._key):
            raise Refused(
                401,
                "A valid key is needed: send it as `Authorization: Bearer <key>`.",
                code="invalid_api_key",
                headers={"www-authenticate": "Bearer"},
            )
