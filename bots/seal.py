"""Secrets as they are stored: sealed with a key that is no part of the database."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr


class SealBroken(Exception):
    """No key of ours fits, or what is sealed belongs to somebody else."""


def new_key() -> str:
    return Fernet.generate_key().decode()


def is_key(text: str) -> bool:
    try:
        Fernet(text)
    except ValueError:
        return False
    return True


class Seal:
    """The first key seals, each opens: a new one is put before the others, and in time the others
    are taken away. The owner is sealed in with the secret, so that a row that was given another's
    opens nothing."""

    def __init__(self, keys: Sequence[SecretStr], setting: str = "the settings") -> None:
        """`setting`: where the keys stand. Raises ValueError for what is no key, and where there
        is none."""
        self._setting = setting
        known = [Fernet(one.get_secret_value()) for one in keys]
        self._all = MultiFernet(known)
        self._first = known[0]

    def close(self, owner: str, secret: SecretStr) -> str:
        return self._first.encrypt(f"{owner}\n{secret.get_secret_value()}".encode()).decode()

    def open(self, owner: str, sealed: str) -> SecretStr:
        """Raises SealBroken."""
        try:
            known, _, secret = self._all.decrypt(sealed).decode().partition("\n")
        except (InvalidToken, ValueError):
            raise SealBroken(f"No key in {self._setting} opens this.") from None
        if known != owner:
            raise SealBroken("This was sealed for somebody else.")
        return SecretStr(secret)

    def is_fresh(self, sealed: str) -> bool:
        """Whether it needs the first key alone."""
        try:
            self._first.decrypt(sealed)
        except (InvalidToken, ValueError):
            return False
        return True
