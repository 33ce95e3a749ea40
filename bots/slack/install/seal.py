"""Tokens as they are stored: sealed with a key that is no part of the database."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr


class SealBroken(Exception):
    """No key of ours fits, or what is sealed belongs to another account."""


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
    are taken away. The account is sealed in with its token, so that a row that was given another's
    opens nothing."""

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        """Raises ValueError for what is no key, and where there is none."""
        known = [Fernet(one.get_secret_value()) for one in keys]
        self._all = MultiFernet(known)
        self._first = known[0]

    def close(self, account: str, token: SecretStr) -> str:
        return self._first.encrypt(f"{account}\n{token.get_secret_value()}".encode()).decode()

    def open(self, account: str, sealed: str) -> SecretStr:
        """Raises SealBroken."""
        try:
            owner, _, token = self._all.decrypt(sealed).decode().partition("\n")
        except (InvalidToken, ValueError):
            raise SealBroken("No key in OUTRIDER_SLACK__TOKEN_KEYS opens this token.") from None
        if owner != account:
            raise SealBroken("This token was sealed for another workspace.")
        return SecretStr(token)

    def is_fresh(self, sealed: str) -> bool:
        """Whether it needs the first key alone."""
        try:
            self._first.decrypt(sealed)
        except (InvalidToken, ValueError):
            return False
        return True
