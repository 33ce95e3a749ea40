"""Settings that change while Outrider runs: all of them, and one with its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import RedirectResponse, Response

from assistant.errors import ChangeRefused
from assistant.live_settings import LiveSetting, LiveSettings
from assistant.storage.audit import AuditLog
from bots.admin.changes import fault, sentence
from bots.admin.door import SignedIn, needs
from bots.admin.faults import Fault, page_router
from bots.admin.form import Form, form_of
from bots.admin.shell import Shell
from bots.admin.words import Words
from bots.http.failures import change_status

ADDRESS = "/admin/settings"
MOST_CHANGES = 50


class NewValue(BaseModel):
    value: str = ""


def settings_pages(shell: Shell, live: LiveSettings, audit: AuditLog) -> APIRouter:
    router = page_router()
    pages = SettingsPages(shell, live, audit)
    router.add_api_route("/settings", pages.all, methods=["GET"])
    router.add_api_route("/settings/{setting}", pages.one, methods=["GET"])
    router.add_api_route("/settings/{setting}", pages.change, methods=["POST"])
    router.add_api_route("/settings/{setting}/reset", pages.reset, methods=["POST"])
    return router


class SettingsPages:
    def __init__(self, shell: Shell, live: LiveSettings, audit: AuditLog) -> None:
        self._shell = shell
        self._live = live
        self._audit = audit

    async def all(self, request: Request, _: Annotated[SignedIn, needs("viewer")]) -> Response:
        words = self._shell.words(request)
        listed = [(one, *_named(words, one)) for one in await self._live.listed()]
        context = {"settings": listed, "written": _written, "done": "done" in request.query_params}
        return self._shell.page(request, "settings.html", context)

    async def one(
        self, request: Request, setting: str, _: Annotated[SignedIn, needs("viewer")]
    ) -> Response:
        return await self._page(request, await self._found(setting))

    async def change(
        self,
        request: Request,
        setting: str,
        admin: Annotated[SignedIn, needs("admin")],
        form: Annotated[Form[NewValue], form_of(NewValue)],
    ) -> Response:
        found = await self._found(setting)
        given = form.value.value if form.value is not None else ""
        try:
            await self._live.change(setting, _read(found, given), admin.actor)
        except ChangeRefused as refused:
            return await self._page(request, found, given, refused)
        return RedirectResponse(f"{ADDRESS}/{setting}?done", 303)

    async def reset(
        self, request: Request, setting: str, admin: Annotated[SignedIn, needs("admin")]
    ) -> Response:
        try:
            await self._live.reset(setting, admin.actor)
        except ChangeRefused as refused:
            raise fault(self._shell.words(request), refused) from None
        return RedirectResponse(f"{ADDRESS}/{setting}?done", 303)

    async def _found(self, name: str) -> LiveSetting:
        found = next((one for one in await self._live.listed() if one.name == name), None)
        if found is None:
            raise Fault(404, "change.setting_unknown")
        return found

    async def _page(
        self,
        request: Request,
        setting: LiveSetting,
        given: str | None = None,
        refused: ChangeRefused | None = None,
    ) -> Response:
        words = self._shell.words(request)
        title, about = _named(words, setting)
        context = {
            "setting": setting,
            "shown": title,
            "about": about,
            "kind": kind_of(setting),
            "choices": _choices(words, setting),
            "allowed": _allowed(words, setting),
            "given": _written(setting.value) if given is None else given,
            "fault": sentence(words, refused) if refused else "",
            "entries": await self._audit.newest(MOST_CHANGES, target=f"setting:{setting.name}"),
            "written": _written,
            "done": "done" in request.query_params,
        }
        return self._shell.page(
            request, "setting.html", context, change_status(refused) if refused else 200
        )


def _named(words: Words, setting: LiveSetting) -> tuple[str, str]:
    """Its name and what it is, in the reader's language where there are words for it."""
    title, about = f"settings.of.{setting.name}.title", f"settings.of.{setting.name}.about"
    return (
        words(title) if title in words else setting.name,
        words(about) if about in words else setting.description,
    )


def _schemas(setting: LiveSetting) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = setting.schema.get("anyOf") or (setting.schema,)
    return found


def kind_of(setting: LiveSetting) -> str:
    """choice | number | text: how it is asked for."""
    for one in _schemas(setting):
        if "enum" in one or one.get("type") == "boolean":
            return "choice"
        if one.get("type") in ("integer", "number"):
            return "number"
    return "text"


def _optional(setting: LiveSetting) -> bool:
    return any(one.get("type") == "null" for one in _schemas(setting))


def _choices(words: Words, setting: LiveSetting) -> list[tuple[str, str]]:
    found = [("", words("settings.none"))] if _optional(setting) else []
    for one in _schemas(setting):
        found += [(str(value), _value(words, value)) for value in one.get("enum", ())]
        if one.get("type") == "boolean":
            found += [("true", words("settings.yes")), ("false", words("settings.no"))]
    return found


def _value(words: Words, value: object) -> str:
    """One of few, in the reader's language where there is a word for it."""
    key = f"settings.of_value.{value}"
    return words(key) if key in words else str(value)


def _allowed(words: Words, setting: LiveSetting) -> str:
    """What a number may be, and what an empty field is."""
    said = []
    for one in _schemas(setting):
        for limit, key in (
            ("minimum", "least"),
            ("exclusiveMinimum", "above"),
            ("maximum", "most"),
        ):
            if limit in one:
                said.append(words(f"settings.{key}", limit=one[limit]))
    if _optional(setting):
        said.append(words("settings.may_be_empty"))
    return " ".join(said)


def _read(setting: LiveSetting, given: str) -> Any:
    """As JSON would have it; numbers and the like are read by the settings themselves."""
    return None if not given.strip() and _optional(setting) else given


def _written(value: Any) -> str:
    """As a form has it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e15 else str(value)
