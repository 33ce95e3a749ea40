"""Settings that change while Outrider runs.

The settings of the start stand until an admin sets another value. That one stands in Postgres,
wins over a restart's settings too, and holds in every process within LOOK_SECONDS: there it is put
into the one AssistantSettings that all parts share, so whoever reads a field each time sees it.
Fields that may change so are those marked LIVE in `settings.py`. A secret is never among them.
Who changed what when stands in the audit log, under `setting:NAME`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from assistant.errors import ChangeRefused, StorageUnavailable
from assistant.messages import clean
from assistant.settings import LIVE, AssistantSettings
from assistant.storage.audit import Actor, note
from assistant.storage.database import Connection, Database, row, rows

log = structlog.get_logger()

LOOK_SECONDS = 2.0

LISTED = "SELECT name, value, changed_at FROM live_settings"
# Before all else: of two changes in one moment the second one's `before` is what the first wrote.
HOLD = "SELECT pg_advisory_xact_lock(hashtextextended('setting:' || %(name)s, 0))"
VALUE = "SELECT value FROM live_settings WHERE name = %(name)s"
SET = """
INSERT INTO live_settings (name, value) VALUES (%(name)s, %(value)s::jsonb)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = now()
"""
RESET = "DELETE FROM live_settings WHERE name = %(name)s"

Watcher = Callable[[Any], None]


def live_fields(model: type[AssistantSettings] = AssistantSettings) -> Mapping[str, FieldInfo]:
    """Those that may change at run time, by name, as they stand in the model."""
    fields = model.model_fields.items()
    return {name: one for name, one in fields if one.json_schema_extra == LIVE}


@dataclass(frozen=True, slots=True)
class LiveSetting:
    """`value` holds now, `original` is what the settings of this process say; both as JSON has
    them. `changed_at` is None where nobody changed it."""

    name: str
    description: str
    value: Any
    original: Any
    schema: Mapping[str, Any]
    changed_at: datetime | None


@dataclass(slots=True)
class LiveSettings:
    """Of one process, which changes `settings` in place and has nobody else do so."""

    database: Database
    settings: AssistantSettings
    _original: AssistantSettings = field(init=False)
    _stored: dict[str, Any] = field(default_factory=dict, init=False)
    _watchers: list[tuple[str, Watcher]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._original = self.settings.model_copy(deep=True)

    async def run(self) -> None:
        """Look for changes until cancelled. What holds stays so while Postgres is away."""
        while True:
            try:
                await self.refresh()
            except StorageUnavailable:
                log.debug("settings_not_looked_at")
            await asyncio.sleep(LOOK_SECONDS)

    def watch(self, name: str, changed: Watcher) -> None:
        """Call `changed` with the setting's value, now and whenever another one holds."""
        self._watchers.append((name, changed))
        changed(getattr(self.settings, name))

    async def refresh(self) -> None:
        """Take over what stands in Postgres now. Raises StorageUnavailable."""
        found = await self.database.rows(LISTED)
        stored = {one.name: one.value for one in found}
        if stored == self._stored:
            return
        self._stored = stored
        wanted = self._original.model_copy(deep=True)
        for name in live_fields().keys() & stored.keys():
            try:
                _put(wanted, name, stored[name])
            except ValidationError:  # of an elder or a newer Outrider
                log.warning("setting_ignored", setting=name)
        for name in live_fields():
            value = getattr(wanted, name)
            if value != getattr(self.settings, name):
                setattr(self.settings, name, value)
                log.info("setting_changed", setting=name)
                for watched, changed in self._watchers:
                    if watched == name:
                        changed(value)

    async def listed(self) -> Sequence[LiveSetting]:
        """All that may change, as they stand in the model."""
        found = await self.database.rows(LISTED)
        changed_at = {one.name: one.changed_at for one in found}
        properties = AssistantSettings.model_json_schema()["properties"]
        return [
            LiveSetting(
                name,
                one.description or "",
                _as_json(name, getattr(self.settings, name)),
                _as_json(name, getattr(self._original, name)),
                properties[name],
                changed_at.get(name),
            )
            for name, one in live_fields().items()
        ]

    async def change(self, name: str, value: Any, actor: Actor) -> None:
        """`value` as JSON has it. Raises ChangeRefused, in whose words it says what is allowed."""
        known(name)
        checked = self._original.model_copy(deep=True)
        try:
            _put(checked, name, clean(value) if isinstance(value, str) else value)
        except ValidationError as error:
            raise _refused(name, error) from None
        written = _as_json(name, getattr(checked, name))
        async with self.database.transaction() as connection:
            before = await self._held(connection, name)
            if before == written:
                return
            await rows(connection, SET, {"name": name, "value": json.dumps(written)})
            target, changed = f"setting:{name}", {"value": written}
            await note(connection, actor, "setting.changed", target, {"value": before}, changed)
        await self.refresh()

    async def reset(self, name: str, actor: Actor) -> None:
        """Back to what the settings of the start say. Raises ChangeRefused."""
        known(name)
        async with self.database.transaction() as connection:
            before = await self._held(connection, name)
            await rows(connection, RESET, {"name": name})
            after = {"value": self._of_start(name)}
            await note(
                connection, actor, "setting.reset", f"setting:{name}", {"value": before}, after
            )
        await self.refresh()

    async def _held(self, connection: Connection, name: str) -> Any:
        """What holds, while nobody else changes it."""
        await rows(connection, HOLD, {"name": name})
        stored = await row(connection, VALUE, {"name": name})
        return self._of_start(name) if stored is None else stored.value

    def _of_start(self, name: str) -> Any:
        return _as_json(name, getattr(self._original, name))


def known(name: str) -> FieldInfo:
    """Raises ChangeRefused for what is no setting that may change at run time."""
    found = live_fields().get(name)
    if found is None:
        raise ChangeRefused(
            "setting_unknown",
            "This is no setting that can be changed while Outrider runs: the page of settings "
            "lists those that can.",
        )
    return found


def _put(settings: AssistantSettings, name: str, value: Any) -> None:
    """Raises ValidationError; `settings` are then not to be used."""
    type(settings).__pydantic_validator__.validate_assignment(settings, name, value)


def _as_json(name: str, value: Any) -> Any:
    kind: Any = AssistantSettings.model_fields[name].annotation
    return TypeAdapter(kind).dump_python(value, mode="json")


def _refused(name: str, error: ValidationError) -> ChangeRefused:
    """By its first fault; `code` is pydantic's, its limits are the values."""
    first = error.errors(include_url=False, include_input=False)[0]
    said = first["msg"].removeprefix("Value error, ")
    values = {key: str(value) for key, value in first.get("ctx", {}).items()}
    return ChangeRefused(first["type"], f"{name}: {said[:1].lower()}{said[1:]}.", values)
