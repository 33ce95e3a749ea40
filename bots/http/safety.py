"""What the HTTP server's safety needs to know, and the rule that it can't be built without."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from pydantic import SecretStr

from assistant.errors import StartupError
from bots.http.hosts import is_loopback


@dataclass(frozen=True, slots=True)
class HttpSafety:
    """`host` is the address that the server listens on.

    `session_secret` signs sign-ins: at least 32 random bytes that outlive a restart.
    `metrics_key`, where set, opens /metrics to scrapers that are not on this machine.
    Raises StartupError when others could reach the pages and no password is set.
    """

    host: str
    session_secret: bytes
    password: SecretStr | None = None
    allowed_hosts: tuple[str, ...] = ()
    metrics_key: SecretStr | None = None
    max_body_bytes: int = 4 * 1024 * 1024

    def __post_init__(self) -> None:
        require_password(self.host, self.password, self.allowed_hosts)
        if len(self.session_secret) < 32:
            raise StartupError("The secret that signs sign-ins must have at least 32 bytes.")


def require_password(
    host: str, password: SecretStr | None, allowed_hosts: tuple[str, ...] = ()
) -> None:
    """Raises StartupError when others could reach the pages and no password is set.

    Who listens on a loopback address and allows another name has a proxy before it.
    """
    if password is not None and not password.get_secret_value():
        raise StartupError("OUTRIDER_ADMIN__PASSWORD is empty: set a password or remove it.")
    if password is None and not is_loopback(host):
        raise StartupError(
            f"Listening on {host} lets other machines in, so a password is needed: set "
            "OUTRIDER_ADMIN__PASSWORD, or listen on 127.0.0.1."
        )
    if password is None and (names := names_for_others(allowed_hosts)):
        raise StartupError(
            f"Under the name {names[0]}, of OUTRIDER_HTTP__ALLOWED_HOSTS, other machines come in, "
            "so a password is needed: set OUTRIDER_ADMIN__PASSWORD, or take the name away."
        )


def names_for_others(allowed_hosts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in allowed_hosts if not is_loopback(name.lower()))


def same_secret(given: str, expected: SecretStr) -> bool:
    """Compare in a time that tells nothing about either, not even their lengths."""
    return hmac.compare_digest(
        hashlib.sha256(given.encode("utf-8", "surrogatepass")).digest(),
        hashlib.sha256(expected.get_secret_value().encode()).digest(),
    )
