"""A text in a request, as it can be stored."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError


def _without_nul(text: str) -> str:
    if "\0" in text:  # Postgres can't store one
        raise PydanticCustomError("nul", "A NUL character can't be part of a text")
    return text


Text = Annotated[
    str, AfterValidator(_without_nul), Field(json_schema_extra={"pattern": r"^[^\u0000]*$"})
]
