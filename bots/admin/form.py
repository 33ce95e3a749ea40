"""What a form sent, read into a model; what is wrong with it is said field by field."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, get_origin
from urllib.parse import parse_qs

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from bots.admin.faults import Fault
from bots.admin.words import Words

M = TypeVar("M", bound=BaseModel)
MOST_FIELDS = 1000


@dataclass(frozen=True, slots=True)
class Form(Generic[M]):
    """`value` is None where it was not right; `given` is shown again, with `faults` by field.

    A fault is a word's key, or the sentence of a model's own check.
    """

    value: M | None
    given: Mapping[str, str]
    faults: Mapping[str, str] = field(default_factory=dict)

    def said(self, words: Words) -> dict[str, str]:
        """Each fault as a sentence in the reader's language."""
        return {
            name: words(fault) if fault in words else fault for name, fault in self.faults.items()
        }


def form_of(model: type[M]) -> Any:
    """`form: Annotated[Form[Model], form_of(Model)]` in a route's signature.

    A field that is left empty is one that was not sent: give it a default, or it is asked for.
    A list takes each value of its name; a tick that isn't set is False by its default.
    """
    return Depends(_reader(model))


def _reader(model: type[M]) -> Callable[[Request], Awaitable[Form[M]]]:
    async def read(request: Request) -> Form[M]:
        return read_form(model, await request.body())

    return read


def read_form(model: type[M], body: bytes) -> Form[M]:
    sent = fields_of(body)
    lists = {
        name
        for name, one in model.model_fields.items()
        if get_origin(one.annotation) in (list, tuple)
    }
    values: dict[str, Any] = {
        name: [one for one in given if one] if name in lists else _clean(given[-1])
        for name, given in sent.items()
        if name in model.model_fields and (name in lists or given[-1].strip())
    }
    given = {name: one[-1] for name, one in sent.items()}
    try:
        return Form(model.model_validate(values), given)
    except ValidationError as error:
        return Form(None, given, _faults(error))


def fields_of(body: bytes) -> dict[str, list[str]]:
    """Raises Fault for one that no form of ours could have sent."""
    try:
        return parse_qs(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS
        )
    except ValueError:
        raise Fault(400, "shell.too_many_fields") from None


def _clean(value: str) -> str:
    """Browsers send CRLF; PostgreSQL takes no NUL."""
    return value.replace("\r\n", "\n").replace("\x00", "")


_KEYS = {
    "missing": "shell.field_missing",
    "int_parsing": "shell.field_number",
    "float_parsing": "shell.field_number",
    "string_too_short": "shell.field_short",
    "string_too_long": "shell.field_long",
    "string_pattern_mismatch": "shell.field_form",
    "literal_error": "shell.field_choice",
    "enum": "shell.field_choice",
    "greater_than_equal": "shell.field_range",
    "greater_than": "shell.field_range",
    "less_than_equal": "shell.field_range",
    "less_than": "shell.field_range",
}


def _faults(error: ValidationError) -> dict[str, str]:
    found: dict[str, str] = {}
    for fault in error.errors(include_url=False, include_input=False):
        name = str(fault["loc"][0]) if fault["loc"] else ""
        sentence = fault["msg"].removeprefix("Value error, ")
        found.setdefault(name, _KEYS.get(fault["type"], sentence))
    return found
