"""Fields of OpenAI's form that are refused in a sentence rather than ignored."""

from __future__ import annotations

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError


def refusing(sentence: str) -> BeforeValidator:
    """A validator of what is not supported: anything but null and {} is refused, with the
    sentence."""

    def check(value: object) -> object:
        if value is not None and value != {}:
            raise PydanticCustomError("unsupported", sentence)
        return value

    return BeforeValidator(check)
