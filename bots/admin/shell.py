"""The shell of each page: templates, words and formats in the reader's language, the frame."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from bots.admin.door import SignedIn
from bots.admin.faults import Fault
from bots.admin.formats import FORMATS, Formats
from bots.admin.navigation import NAVIGATION
from bots.admin.words import Words, chosen

_HEADERS = {
    "cache-control": "no-store",
    # Browsers send "Origin: null" with a form where no referrer is allowed at all.
    "referrer-policy": "same-origin",
}
RIGHT_TO_LEFT = frozenset({"ar", "he", "fa", "ur"})


class Shell:
    def __init__(self) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def page(
        self,
        request: Request,
        template: str,
        context: Mapping[str, Any] | None = None,
        status: int = 200,
    ) -> Response:
        """A whole page, or a fragment of one where that is what the template is."""
        return HTMLResponse(self.html(request, template, context), status, headers=_HEADERS)

    def html(
        self, request: Request, template: str, context: Mapping[str, Any] | None = None
    ) -> str:
        """The template with the frame's names: `me` (who is signed in, or none), `t` (words),
        `csrf`, `navigation`, `here` (the address), and each of FORMATS."""
        return self._templates.get_template(template).render(
            {**self._frame(request), **(context or {})}
        )

    def words(self, request: Request) -> Words:
        signed_in = _signed_in(request)
        own = signed_in.admin.language if signed_in else None
        return Words(chosen(own, request.headers.get("accept-language", "")))

    def fault(self, request: Request, fault: Fault) -> Response:
        words = self.words(request)
        values = dict(fault.values_said)
        if "role" in values:
            values["role"] = words(f"shell.role.{values['role']}")
        sentence = fault.sentence or words(fault.key, **values)
        context = {"status": fault.status, "sentence": sentence}
        fragment = request.headers.get("hx-request") == "true"
        template = "fault_part.html" if fragment else "fault.html"
        response = self.page(request, template, context, fault.status)
        if fragment:  # it stands where the answer would, and whatever asks again still finds it
            response.headers["hx-reselect"] = ".banner"
            response.headers["hx-reswap"] = "innerHTML"
        if fault.status == 503:
            response.headers["retry-after"] = "5"
        return response

    def _frame(self, request: Request) -> dict[str, Any]:
        signed_in, words = _signed_in(request), self.words(request)
        formats = Formats(words.locale)
        return {
            "me": signed_in.admin if signed_in else None,
            "may": signed_in.may if signed_in else (lambda role: False),
            "csrf": signed_in.csrf if signed_in else "",
            "t": words,
            "language": words.language,
            "direction": "rtl" if words.language in RIGHT_TO_LEFT else "ltr",
            "here": request.url.path,
            "navigation": [one for one in NAVIGATION if signed_in and signed_in.may(one.role)],
            **{name: getattr(formats, name) for name in FORMATS},
        }


def _signed_in(request: Request) -> SignedIn | None:
    found: SignedIn | None = getattr(request.state, "signed_in", None)
    return found
