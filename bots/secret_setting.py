"""Secrets as people set them, of which many are copied with something invisible at an end.

What goes into a header or an address must be readable ASCII: what can't be sent would be refused
later, by a library, in words that show it.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, SecretStr


def sent_secret(value: SecretStr | None) -> SecretStr | None:
    """Without what is invisible at its ends; None for a blank one, which turns off what it opens.

    Raises ValueError, without the value, for what no header can carry.
    """
    text = "" if value is None else _trimmed(value.get_secret_value())
    if not all(" " <= char <= "~" for char in text):
        raise ValueError("holds an invisible character or one outside of ASCII: copy it once more")
    return SecretStr(text) if text else None


SentSecret = Annotated[SecretStr | None, AfterValidator(sent_secret)]


def _trimmed(text: str) -> str:
    shown = [at for at, char in enumerate(text) if not _invisible(char)]
    return text[shown[0] : shown[-1] + 1] if shown else ""


def _invisible(char: str) -> bool:
    """Spaces, line ends, and what has no shape at all, as a zero-width space."""
    return unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Zs")
