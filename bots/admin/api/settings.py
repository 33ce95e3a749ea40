"""Settings that change while Outrider runs, for programs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel

from assistant.live_settings import LiveSetting, LiveSettings
from assistant.storage.audit import AuditLog
from bots.admin.api.door import actor_of, api_router, scoped
from bots.api.keys import Access

MOST_CHANGES = 50
Name = Annotated[str, Path(max_length=100)]


class SettingAnswer(BaseModel):
    """`original` is what the settings of the start say; `allowed` is a JSON schema."""

    name: str
    description: str
    value: Any
    original: Any
    allowed: dict[str, Any]
    changed_at: datetime | None


class Settings(BaseModel):
    data: list[SettingAnswer]


class SettingChange(BaseModel):
    at: datetime
    by: str
    before: Any
    after: Any


class SettingHistory(BaseModel):
    """The newest first."""

    data: list[SettingChange]


class NewValueBody(BaseModel, extra="forbid"):
    value: Any


def settings_api(access: Access, live: LiveSettings, audit: AuditLog) -> APIRouter:
    router = api_router()
    seeing, changing = scoped(access, "viewer"), scoped(access, "admin")

    @router.get("/settings", dependencies=[seeing])
    async def settings() -> Settings:
        """All that can be changed while Outrider runs."""
        return Settings(data=[_answer(one) for one in await live.listed()])

    @router.get("/settings/{name}/history", dependencies=[seeing])
    async def setting_history(name: Name) -> SettingHistory:
        """What it was changed from and to, and by whom."""
        target = f"setting:{name}".replace("\x00", "")
        return SettingHistory(
            data=[
                SettingChange(
                    at=one.at,
                    by=one.actor.name,
                    before=(one.before or {}).get("value"),
                    after=(one.after or {}).get("value"),
                )
                for one in await audit.newest(MOST_CHANGES, target=target)
            ]
        )

    @router.put("/settings/{name}", dependencies=[changing], status_code=204)
    async def change_setting(request: Request, name: Name, body: NewValueBody) -> None:
        """It holds in every process within seconds, and after a restart."""
        await live.change(name, body.value, actor_of(request))

    @router.delete("/settings/{name}", dependencies=[changing], status_code=204)
    async def reset_setting(request: Request, name: Name) -> None:
        """Back to what the settings of the start say."""
        await live.reset(name, actor_of(request))

    return router


def _answer(setting: LiveSetting) -> SettingAnswer:
    allowed = {
        key: value
        for key, value in setting.schema.items()
        if key not in ("live", "title", "description", "default")
    }
    return SettingAnswer(
        name=setting.name,
        description=setting.description,
        value=setting.value,
        original=setting.original,
        allowed=allowed,
        changed_at=setting.changed_at,
    )
