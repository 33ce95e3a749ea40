"""Fields of OpenAI's form that are refused in a sentence rather than ignored."""

from __future__ import annotations

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError


def refusing(sentence: str, *taken: object) -> BeforeValidator:
    """A validator of what is not supported: anything but null, and what else is taken because it
    asks for nothing, is refused, with the sentence."""

    def check(value: object) -> object:
        if value is not None and value not in taken:
            raise PydanticCustomError("unsupported", sentence)
        return value

    return BeforeValidator(check)
